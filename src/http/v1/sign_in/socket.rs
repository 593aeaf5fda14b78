//! The socket at which a client waits for its sign-in to end. It is told what goes on in events:
//!
//! | event | when |
//! |---|---|
//! | `auth.verify` | the client must send `{"codeVerifier": "…"}` first |
//! | `auth.pending` | it waits |
//! | `auth.tokens` | the tokens, in `data`; the last |
//! | `auth.completed` | the browser took the tokens itself; the last |
//! | `auth.denied`, `auth.failed`, `auth.expired` | nobody was signed in; the last |

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::TokensView;
use crate::access::hand_over::{self, Claim, Outcome, WRONG_VERIFIER};
use crate::error::{Error, Result};
use crate::http::browser::PageOrigin;
use crate::http::contract::{Answer, Contract, Failure};
use crate::http::guard::Visitor;
use crate::http::handler::{Call, Description, Extract};
use crate::http::input::Query;

/// The longest message of a client, in bytes.
const MAX_MESSAGE: usize = 4 * 1024;

/// What is read from a client at once, in bytes. Clients hardly send anything.
const READ_BUFFER: usize = 1024;

/// What is kept for a client that does not read, in bytes.
const WRITE_BUFFER: usize = 16 * 1024;

/// How long a client may take to read what it is sent. One that takes longer is gone.
const SEND: Duration = Duration::from_secs(10);

/// How often a client is asked whether it is still there. One that has not answered by the next time is not.
const PING: Duration = Duration::from_secs(20);

/// The key of the sign-in.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallbackQuery {
    /// The key that `/auth/uri` gave.
    #[serde(default)]
    #[schemars(length(max = 200))]
    callback_key: String,
}

/// What a client is told.
#[derive(Serialize, JsonSchema)]
pub struct Event {
    /// What happened.
    #[serde(rename = "event")]
    #[schemars(example = &"auth.tokens")]
    name: &'static str,
    /// The same for a person.
    #[schemars(example = &"Signed in successfully!")]
    message: String,
    /// The tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<TokensView>,
}

/// What a client sends where it is asked to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    code_verifier: String,
}

/// A request that wants to become a socket.
pub struct Upgrade {
    socket: WebSocketUpgrade,
    page: PageOrigin,
}

impl Extract for Upgrade {
    async fn extract(call: &mut Call) -> Result<Self, Failure> {
        let page = PageOrigin::extract(call).await?;
        let socket = WebSocketUpgrade::from_request_parts(&mut call.parts, &()).await;
        let refused = Failure::Http(StatusCode::UPGRADE_REQUIRED, "This address takes WebSockets only");
        Ok(Self { socket: socket.map_err(|_| refused)?, page })
    }

    fn describe(_: &mut Description) {}
}

/// The answer that makes a socket of a request.
pub struct Switched(Response);

impl Answer for Switched {
    type Data = Event;

    fn write<C: Contract>(self, _: StatusCode, _: &'static str) -> Response {
        self.0
    }
}

/// Seats a client. What can be refused is refused before the request becomes a socket.
pub async fn callback(
    visitor: Visitor,
    Query(query): Query<CallbackQuery>,
    upgrade: Upgrade,
) -> Result<Switched, Failure> {
    upgrade.page.must_be_allowed(&visitor.app.settings)?;
    if query.callback_key.is_empty() {
        return Err(Error::invalid("callbackKey", "Is required").into());
    }
    let claim = hand_over::claim(&visitor.app, visitor.origin, &query.callback_key).await?;
    let socket = upgrade.socket.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    let socket =
        socket.read_buffer_size(READ_BUFFER).write_buffer_size(0).max_write_buffer_size(WRITE_BUFFER);
    Ok(Switched(socket.on_upgrade(|socket| async move {
        // a client that is gone misses nothing
        drop(wait(claim, socket).await);
    })))
}

/// That the client is not there any more.
struct Gone;

impl From<axum::Error> for Gone {
    fn from(_: axum::Error) -> Self {
        Self
    }
}

async fn wait(claim: Claim, socket: WebSocket) -> Result<(), Gone> {
    let mut client = Client::new(socket);
    let outcome = match client.outcome(&claim).await {
        Ok(outcome) => outcome,
        Err(Stopped::Gone) => return Err(Gone),
        Err(Stopped::Broken(error)) => {
            Failure::from(error).log();
            // the sign-in goes on: the client is to come again
            return client.close(close_code::AGAIN).await;
        }
    };
    client.tell_the_end(outcome).await
}

/// Why waiting came to no outcome.
enum Stopped {
    Gone,
    Broken(Error),
}

impl From<Gone> for Stopped {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// A client at its socket.
struct Client {
    socket: WebSocket,
    ping: Interval,
    has_answered: bool,
}

impl Client {
    fn new(socket: WebSocket) -> Self {
        let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { socket, ping, has_answered: true }
    }

    /// How the sign-in ended, once it has.
    async fn outcome(&mut self, claim: &Claim) -> Result<Outcome, Stopped> {
        if claim.is_bound() {
            self.tell("auth.verify", "Send the code verifier.").await?;
            loop {
                if let Some(outcome) = claim.end().await? {
                    return Ok(outcome);
                }
                tokio::select! {
                    said = self.said() => {
                        let verification = serde_json::from_str(&said?);
                        let verifier = verification.map_or_else(|_| String::new(), |it: Verification| it.code_verifier);
                        if claim.verify(&verifier).await? {
                            break;
                        }
                        return Ok(Outcome::Failed(WRONG_VERIFIER.to_owned()));
                    }
                    () = claim.woken() => {}
                }
            }
        }
        self.tell("auth.pending", "Waiting for the sign-in in the browser.").await?;
        loop {
            if let Some(outcome) = claim.outcome().await? {
                return Ok(outcome);
            }
            tokio::select! {
                () = claim.woken() => {}
                gone = self.gone() => return Err(gone.into()),
            }
        }
    }

    /// The next thing that the client says.
    async fn said(&mut self) -> Result<String, Gone> {
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    self.has_answered = true;
                    match message.ok_or(Gone)?? {
                        Message::Text(text) => return Ok(text.as_str().to_owned()),
                        Message::Close(_) => return Err(Gone),
                        Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
                    }
                }
                _ = self.ping.tick() => {
                    if !std::mem::take(&mut self.has_answered) {
                        return Err(Gone);
                    }
                    self.put(Message::Ping(axum::body::Bytes::new())).await?;
                }
            }
        }
    }

    /// Resolves when the client goes. What it says meanwhile is of no interest.
    async fn gone(&mut self) -> Gone {
        loop {
            if let Err(gone) = self.said().await {
                return gone;
            }
        }
    }

    async fn tell(&mut self, name: &'static str, message: &str) -> Result<(), Gone> {
        self.send(&Event { name, message: message.to_owned(), data: None }).await
    }

    async fn send(&mut self, event: &Event) -> Result<(), Gone> {
        let text = serde_json::to_string(event).map_err(|_| Gone)?;
        self.put(Message::text(text)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Gone> {
        let sent = tokio::time::timeout(SEND, self.socket.send(message)).await;
        Ok(sent.map_err(|_| Gone)??)
    }

    /// The last event, then the end.
    async fn tell_the_end(mut self, outcome: Outcome) -> Result<(), Gone> {
        let (name, message, data, code) = match outcome {
            Outcome::Closing => return self.close(close_code::RESTART).await,
            Outcome::Tokens(tokens, _) => {
                ("auth.tokens", "Signed in successfully!".to_owned(), Some(tokens.into()), close_code::NORMAL)
            }
            Outcome::Completed => {
                ("auth.completed", "The browser has finished it.".to_owned(), None, close_code::NORMAL)
            }
            Outcome::Denied(message) => ("auth.denied", message, None, close_code::NORMAL),
            Outcome::Failed(message) => ("auth.failed", message, None, close_code::NORMAL),
            Outcome::Expired => (
                "auth.expired",
                "The sign-in took too long. Begin again.".to_owned(),
                None,
                close_code::NORMAL,
            ),
        };
        self.send(&Event { name, message, data }).await?;
        self.close(code).await
    }

    async fn close(mut self, code: u16) -> Result<(), Gone> {
        let frame = CloseFrame { code, reason: "".into() };
        self.put(Message::Close(Some(frame))).await
    }
}
