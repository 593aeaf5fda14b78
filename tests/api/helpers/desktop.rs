//! The two sides of a sign-in: the client that waits at a socket, and the browser.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::header::{ACCEPT, COOKIE};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::actor::Actor;
use super::app::TestApp;
use super::cluster;
use super::microsoft::Microsoft;
use super::request::{Answer, Request};
use super::time::TestClock;

/// After which time waiting for something is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a desktop client is, and where a browser is that is not on the same machine.
pub const DESK: [u8; 4] = [127, 0, 0, 1];
pub const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

/// A client that has begun a sign-in.
#[derive(Debug, Clone)]
pub struct Begun {
    pub uri: String,
    pub key: String,
    pub number: String,
    /// What the browser that began it would send back.
    pub cookie: String,
}

impl Begun {
    /// What the server said.
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        let data = answer.data();
        let text = |name: &str| data[name].as_str().expect("a text").to_owned();
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        Self { uri: text("uri"), key: text("callbackKey"), number: text("matchCode"), cookie }
    }
}

/// A client or browser at an address of its own.
pub fn client_at(address: [u8; 4]) -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.local_address(IpAddr::from(address)).build().expect("a client")
}

impl TestApp {
    /// Begins a sign-in from the desk.
    pub async fn begin(&self) -> Begun {
        self.begin_with("", &[]).await
    }

    /// The same, with a query and headers of its own.
    pub async fn begin_with(&self, query: &str, headers: &[(&str, &str)]) -> Begun {
        let request = client_at(DESK).get(format!("http://{}/v1/auth/uri{query}", self.address));
        let mut request = Request(request.header("user-agent", "Desk/1.0"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Begun::of(&request.send().await)
    }

    /// Waits for a sign-in at a socket.
    pub async fn wait(&self, begun: &Begun) -> Socket {
        self.try_to_wait(&begun.key, DESK, &[]).await.expect("a socket")
    }

    /// Tries to, from somewhere; the status where it is refused.
    pub async fn try_to_wait(
        &self,
        key: &str,
        from: [u8; 4],
        headers: &[(&str, &str)],
    ) -> Result<Socket, u16> {
        let mut request = format!("ws://{}/v1/auth/callback?callbackKey={key}", self.address)
            .into_client_request()
            .expect("a request");
        for (name, value) in headers {
            let name: reqwest::header::HeaderName = name.parse().expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(IpAddr::from(from), 0)).expect("an address");
        let stream = socket.connect(self.address).await.expect("a connection");
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, _)) => Ok(Socket(stream)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A browser comes somewhere, and asks for a page.
    pub async fn browse(&self, from: [u8; 4], path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = client_at(from).get(format!("http://{}{path}", self.address));
        let mut request = Request(request.header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await
    }

    /// The browser that began the sign-in comes back.
    pub async fn come_back(&self, begun: &Begun, path: &str) -> Answer {
        self.browse(DESK, path, &[(COOKIE.as_str(), &begun.cookie)]).await
    }

    /// The same browser asks for the tokens itself.
    pub async fn come_back_for_tokens(&self, begun: &Begun, path: &str) -> Answer {
        let request = client_at(DESK).get(format!("http://{}{path}", self.address));
        let request = request.header(ACCEPT, "application/json").header(COOKIE, &begun.cookie);
        Request(request).send().await
    }

    /// Answers the page that asks for the number.
    pub async fn answer_page(&self, from: [u8; 4], page: &Page, number: &str) -> Answer {
        let form: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("id", &page.id)
            .append_pair("token", &page.token)
            .append_pair("number", number)
            .finish();
        let request = client_at(from).post(format!("http://{}{}", self.address, page.action));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        Request(request).send().await
    }
}

/// The page that asks for the number, as a browser sees it.
#[derive(Debug, Clone)]
pub struct Page {
    pub action: String,
    pub id: String,
    pub token: String,
    pub numbers: Vec<String>,
}

impl Page {
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let between = |before: &str, text: &str| {
            let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let buttons = answer.text.split("<button name=\"number\" value=\"").skip(1);
        let values = buttons.map(|button| button.split('"').next().unwrap_or_default().to_owned());
        Self {
            action: between("action=\"", &answer.text),
            id: between("name=\"id\" value=\"", &answer.text),
            token: between("name=\"token\" value=\"", &answer.text),
            numbers: values.filter(|value| value != "none").collect(),
        }
    }
}

/// An open socket.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// The next event; none when the socket has been closed.
    pub async fn event(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something in time");
            match message {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_)) | None => return None,
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }

    /// The next event, which must be this one and say something.
    pub async fn expect(&mut self, name: &str) -> Value {
        let event = self.event().await.expect("an event");
        assert_eq!(event["event"], name, "{event}");
        assert!(event["message"].as_str().is_some_and(|message| !message.is_empty()), "{event}");
        event
    }

    /// The last event, after which the socket is closed.
    pub async fn expect_last(&mut self, name: &str) -> Value {
        let event = self.expect(name).await;
        assert_eq!(event.get("data").is_some(), name == "auth.tokens", "{event}");
        assert_eq!(self.event().await, None);
        event
    }

    /// Whether it ends without another event.
    pub async fn ends(&mut self) -> bool {
        let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something in time");
        !matches!(message, Some(Ok(Message::Text(_))))
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("it is sent");
    }

    pub async fn close(mut self) {
        self.0.close(None).await.expect("it is closed");
    }
}

/// A server with these settings, the first of each name.
pub async fn with_settings(settings: &[(&str, String)]) -> TestApp {
    let all: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    TestApp::start_with(&all).await
}

/// A server whose people sign in with a Microsoft of the test's own.
pub async fn with_microsoft(settings: &[(&str, &str)]) -> (TestApp, Microsoft) {
    let microsoft = Microsoft::start().await;
    (start(&microsoft, settings).await, microsoft)
}

/// A server whose people sign in with this Microsoft.
pub async fn start(microsoft: &Microsoft, settings: &[(&str, &str)]) -> TestApp {
    on(cluster::database().await, TestClock::new(), microsoft, settings).await
}

/// The same, on a database that may have another server already.
pub async fn on(
    database: PgConnectOptions,
    clock: TestClock,
    microsoft: &Microsoft,
    settings: &[(&str, &str)],
) -> TestApp {
    let own = microsoft.settings();
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    // what a test says comes first
    let all: Vec<_> = settings.iter().copied().chain(own).collect();
    TestApp::on(database, clock, &all).await
}

impl TestApp {
    /// Somebody with the tokens that a socket or an answer gave.
    pub fn holder_of_tokens(&self, data: &Value) -> Actor {
        let text = |name: &str| data[name].as_str().expect("a token").to_owned();
        let mut actor = Actor::new(self.client.clone(), self.address, Some(text("accessToken")));
        actor.refresh_token = Some(text("refreshToken"));
        actor
    }

    /// Signs a person in, in the browser that began it; the tokens at the socket.
    pub async fn sign_in_with(&self, microsoft: &Microsoft, person: &Value) -> Actor {
        self.sign_in_by("", |uri| microsoft.signs_in(uri, person)).await
    }

    /// The same with another provider, where the person does what `signs_in` does.
    pub async fn sign_in_by(&self, query: &str, signs_in: impl Fn(&str) -> String) -> Actor {
        let begun = self.begin_with(query, &[]).await;
        let mut socket = self.wait(&begun).await;
        socket.expect("auth.pending").await;
        assert_closing(&self.come_back(&begun, &signs_in(&begun.uri)).await);
        self.holder_of_tokens(&socket.expect_last("auth.tokens").await["data"])
    }
}

/// The page that closes itself.
#[track_caller]
pub fn assert_closing(page: &Answer) {
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("You are signed in") && page.text.contains("window.close()"), "{}", page.text);
}

/// A page that says that nobody was signed in.
#[track_caller]
pub fn assert_page(page: &Answer, status: u16, says: &str) {
    assert_eq!(page.status, status, "{}", page.text);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text.contains("<h1>") && page.text.contains(says), "{}", page.text);
}
