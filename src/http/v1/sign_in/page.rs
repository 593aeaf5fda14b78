//! The pages that a person sees in the browser. They are whole in themselves: no picture, font or script
//! from anywhere, and everything that is not ours is written as text.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{V1, device};
use crate::access::hand_over::{Arrived, Question};
use crate::http::contract::{Contract, Failure};

/// What the form sends where the person began no sign-in.
pub const NOT_ME: &str = "none";

const NOT_SIGNED_IN: &str = "You are not signed in";
const LATER: &str = "Wait a moment, then begin again in the app.";

const STYLE: &str = include_str!("page.css");

/// The window was opened for the sign-in; most browsers let it close itself.
const SCRIPT: &str = "window.close();";

/// A browser runs and shows nothing on a page but this style and this script.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

const CLOSE: &str = "You can close this window.";

/// What a page says, at a glance.
#[derive(Clone, Copy)]
enum Mark {
    Ask,
    Good,
    No,
    Trouble,
}

impl Mark {
    /// The head of a page: a picture, and the words that say the same.
    fn head(self, title: &str) -> Markup {
        let (class, path) = match self {
            Self::Ask => ("mark ask", "M8.5 8a3.5 3.5 0 1 1 5.5 3c-1.2.8-2 1.6-2 3.2M12 18.5v.1"),
            Self::Good => ("mark good", "M5 12.5l5 5L19 7.5"),
            Self::No => ("mark no", "M6.5 6.5l11 11M17.5 6.5l-11 11"),
            Self::Trouble => ("mark trouble", "M12 5v9M12 18.5v.1"),
        };
        html! {
            header {
                svg class=(class) viewBox="0 0 24 24" aria-hidden="true" { path d=(path) {} }
                h1 { (title) }
            }
        }
    }
}

/// The page for where a browser has come to.
pub fn of(arrived: Result<Arrived, Failure>) -> Response {
    match arrived {
        Ok(Arrived::Approved | Arrived::Tokens(..)) => signed_in(),
        Ok(Arrived::Linked) => {
            let message = "From now on you can sign in this way too.";
            note(StatusCode::OK, Mark::Good, ["The sign-in is linked", message, CLOSE])
        }
        Ok(Arrived::Asked(question)) => ask(&question),
        Ok(Arrived::Denied(message)) => {
            note(StatusCode::FORBIDDEN, Mark::No, [NOT_SIGNED_IN, &message, CLOSE])
        }
        Ok(Arrived::NotYours) => note(
            StatusCode::FORBIDDEN,
            Mark::No,
            [
                "That did not come from our page",
                "Nothing was changed.",
                "Go back to the page that asks for the number, and answer there.",
            ],
        ),
        Ok(Arrived::Failed) => {
            let message = "The service that you signed in with did not answer as it should.";
            note(StatusCode::BAD_GATEWAY, Mark::Trouble, [NOT_SIGNED_IN, message, LATER])
        }
        Ok(Arrived::Expired) => over("The sign-in took longer than 10 minutes."),
        Ok(Arrived::Used) => over("This sign-in has been used already."),
        Ok(Arrived::Unknown) => over("This address does not belong to a sign-in that was begun here."),
        Err(failure) => trouble(&failure),
    }
}

fn over(message: &str) -> Response {
    note(StatusCode::BAD_REQUEST, Mark::Trouble, [NOT_SIGNED_IN, message, "Begin again in the app."])
}

/// What the contract says of a failure, as a page.
fn trouble(failure: &Failure) -> Response {
    failure.log();
    let status = failure.status();
    let message = if status.is_client_error() {
        "The address or the answer is not what this server expects."
    } else {
        "Something went wrong at the server."
    };
    let mut page = note(status, Mark::Trouble, [NOT_SIGNED_IN, message, LATER]);
    let retry_after = failure.retry_after().map(|wait| HeaderValue::from(wait.as_secs().max(1)));
    page.headers_mut().extend(retry_after.map(|value| (header::RETRY_AFTER, value)));
    page
}

fn signed_in() -> Response {
    let body = html! {
        script { (PreEscaped(SCRIPT)) }
        (Mark::Good.head("You are signed in"))
        p { "You can close this window and go back to the app." }
    };
    page(StatusCode::OK, "Signed in", &body)
}

/// A page of three lines: what it comes to, why, and what to do.
fn note(status: StatusCode, mark: Mark, [title, message, what_to_do]: [&str; 3]) -> Response {
    let body = html! {
        (mark.head(title))
        p { (message) }
        p { (what_to_do) }
    };
    page(status, title, &body)
}

fn ask(question: &Question) -> Response {
    let body = html! {
        (Mark::Ask.head("Which number does the app show?"))
        p {
            "You signed in with " (question.provider) " as " strong { (question.name) }
            @if question.login != question.name { " (" (question.login) ")" }
            @if question.is_linking { ". Somebody wants to sign in to their account here as you from now on:" }
            @else { ". An app is waiting to work in your name:" }
        }
        (waiting(question))
        form method="post" action=(format!("{}/auth/confirmation", V1::PREFIX)) {
            input type="hidden" name="id" value=(question.id);
            input type="hidden" name="token" value=(question.form_token.expose_secret());
            fieldset {
                legend { "Pick the number that it shows" }
                div class="numbers" {
                    @for number in &question.numbers {
                        button name="number" value=(number) class="ask" { (number) }
                    }
                }
            }
            div class="stranger" {
                p {
                    "Did you not just begin to sign in, or did somebody send you here? Then it is not your app that \
                     waits, and whoever it is would get into everything that you can."
                }
                button name="number" value=(NOT_ME) class="no" { "This was not me" }
            }
        }
    };
    page(StatusCode::OK, "Confirm the sign-in", &body)
}

/// The app that waits.
fn waiting(question: &Question) -> Markup {
    let unknown = || "unknown".to_owned();
    html! {
        dl {
            dt { "App" } dd { (question.user_agent.as_deref().and_then(device::of).unwrap_or_else(unknown)) }
            dt { "Address" } dd { (question.address.clone().unwrap_or_else(unknown)) }
            dt { "Asked" } dd { (age(question.age.num_seconds())) }
        }
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..=1 => "just now".to_owned(),
        2..=119 => format!("{seconds} seconds ago"),
        _ => format!("{} minutes ago", seconds / 60),
    }
}

fn page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                title { (title) " · TTSCM" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
            }
        }
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
    ];
    (status, headers, markup.into_string()).into_response()
}
