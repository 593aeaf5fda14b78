//! What is sealed where, and the keys that it is sealed with: how they change without a pause, how they are
//! looked after, and what is known of them.

mod check;
mod keep;
mod places;
mod rotate;
mod status;

pub use check::{Damage, check};
pub use keep::{keep, look_after};
pub use places::SealedStore;
pub use rotate::{Progress, Rotated, Rotation, rewrap};
pub use status::{KeyStatus, Status, status};
