//! Who is calling, and what they may do: permission nodes, grants, sessions, tokens and the one way in.

pub mod attempts;
pub mod cache;
pub mod caller;
pub mod change;
pub mod grants;
pub mod hand_over;
pub mod identity;
pub mod key;
pub mod oauth;
pub mod password;
pub mod permission;
pub mod session;
pub mod shown;
pub mod sign_in;
pub mod token;

mod store;

pub use caller::{Actor, ActorKind, Caller, Origin, authenticate};
pub use change::Change;
pub use grants::{Grants, Reach};
pub use permission::Permission;
