//! The inputs that are kept, against the properties that the fuzzer looks for inputs to break.

#[path = "fuzz/properties/mod.rs"]
mod properties;

use std::path::Path;

/// Holds every input that is kept for a property against it.
fn hold(name: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/inputs").join(name);
    let inputs: Vec<_> = folder.read_dir().expect("a folder").map(|input| input.expect("a file")).collect();
    assert!(inputs.len() > 2, "{name}: {} inputs", inputs.len());
    for input in inputs {
        // the last one is shown where it breaks the property
        eprintln!("{}", input.path().display());
        check(&std::fs::read(input.path()).expect("an input"));
    }
}

#[test]
fn nodes_are_matched_by_segments() {
    hold("permission", properties::permission::check);
}

#[test]
fn only_what_was_sealed_opens_and_only_in_its_place() {
    hold("sealed", properties::sealed::check);
}

#[test]
fn a_cursor_has_one_spelling() {
    hold("cursor", properties::cursor::check);
}

#[test]
fn only_tokens_that_were_given_out_count() {
    hold("token", properties::token::check);
}

#[test]
fn types_of_credentials_keep_their_rules() {
    hold("credential_type", properties::credential_type::check);
}

#[test]
fn every_route_tells_what_is_wrong_with_an_input_and_repeats_none_of_it() {
    hold("request", properties::request::check);
}

#[test]
fn whatever_connectwise_sends_can_be_kept_and_gone_on_from() {
    hold("connectwise", properties::connectwise::check);
}

#[test]
fn only_callbacks_that_connectwise_signed_count() {
    hold("callback", properties::callback::check);
}

#[test]
fn addresses_of_products_lead_nowhere_else() {
    hold("address", properties::address::check);
}

#[test]
fn whatever_a_product_answers_the_finding_is_ours() {
    hold("probe", properties::probe::check);
}
