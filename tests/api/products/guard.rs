//! The guard at the moment of a call: names that change, answers without end, and the ways round it.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use reqwest::{Method, Request};
use ttscm::error::Error;
use ttscm::outgoing::{Bounds, Guard, Lookup, Unanswered};

use crate::helpers::log;
use crate::helpers::product::{
    HERE, MARKER, TestLookup, TestProduct, answer, answer_with, guard, guard_with,
};

/// So short that slowness is seen at once.
const IMPATIENT: Bounds = Bounds {
    connect: Duration::from_secs(5),
    total: Duration::from_millis(150),
    question: Duration::from_secs(5),
};

fn get(address: &str) -> Request {
    Request::new(Method::GET, address.parse().unwrap())
}

/// The body of what is at an address.
async fn read(guard: &Guard, address: &str) -> Result<String, Unanswered> {
    let body = guard.send(get(address)).await?.body(1000).await?;
    Ok(String::from_utf8(body).unwrap())
}

fn addresses(all: &[&str]) -> Vec<IpAddr> {
    all.iter().map(|address| address.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_name_is_judged_by_the_addresses_that_it_has_when_it_is_called() {
    for (found, allowed) in [
        (&["127.0.0.1"][..], true),
        (&["::ffff:127.0.0.1"], true),
        (&["127.0.0.1", "127.0.0.2"], true),
        (&["10.0.0.1"], false),
        (&["8.8.8.8"], false),
        (&["127.0.0.1", "10.0.0.1"], false),
        (&["10.0.0.1", "127.0.0.1"], false),
        (&["127.0.0.1", "::1"], false),
        (&["8.8.8.8", "127.0.0.1"], false),
        (&["127.0.0.1", "8.8.8.8"], false),
        (&["127.0.0.1", "169.254.169.254"], false),
        (&["fd00:ec2::254"], false),
    ] {
        let product = TestProduct::that_answers(200, "well").await;
        let lookup: Arc<dyn Lookup> = TestLookup::new(|_, _| addresses(found));
        let guard = guard_with(&[HERE], Bounds::default(), &lookup);
        let said = read(&guard, &product.url_by("jira.corp.local")).await;
        let wanted = if allowed { Ok("well".to_owned()) } else { Err(Unanswered::NoneByName) };
        assert_eq!(said, wanted, "{found:?}");
        assert_eq!(product.take_asked().len(), usize::from(allowed), "{found:?}");
    }
}

#[tokio::test]
async fn by_default_one_internal_address_among_public_ones_refuses_all() {
    for found in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "127.0.0.1"],
        &["2606:4700::1111", "10.0.0.1"],
        &["8.8.8.8", "::1"],
        &["8.8.8.8", "fd00::1"],
        &["8.8.8.8", "2606:4700::1111", "::ffff:169.254.169.254"],
        &["64:ff9b::127.0.0.1"],
        &["168.63.129.16"],
    ] {
        let lookup: Arc<dyn Lookup> = TestLookup::new(|_, _| addresses(found));
        let guard = guard_with(&[], Bounds::default(), &lookup);
        let said = read(&guard, "https://jira.example.com/").await;
        assert_eq!(said, Err(Unanswered::NoneByName), "{found:?}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_meaning_is_looked_up_once_for_each_connection() {
    let product = TestProduct::start(|_| answer_with(200, "connection", "close", "well")).await;
    let lookup =
        TestLookup::new(|_, before| addresses(if before == 0 { &["127.0.0.1"] } else { &["10.0.0.1"] }));
    let shared: Arc<dyn Lookup> = lookup.clone();
    let guard = guard_with(&[HERE], Bounds::default(), &shared);
    let address = product.url_by("rebind.example.com");
    assert_eq!(read(&guard, &address).await.as_deref(), Ok("well"));
    assert_eq!(lookup.times_asked(), 1, "the address that is judged is the one that is called");
    for times in 2..5 {
        assert_eq!(read(&guard, &address).await, Err(Unanswered::NoneByName));
        assert_eq!(lookup.times_asked(), times);
    }
    assert_eq!(product.take_asked().len(), 1);
}

#[tokio::test]
async fn only_the_log_tells_a_name_that_leads_inside_from_one_that_is_not_there() {
    log::start();
    let guard = |found: &'static [&str]| {
        let lookup: Arc<dyn Lookup> = TestLookup::new(|_, _| addresses(found));
        guard_with(&["192.168.7.0/24"], Bounds::default(), &lookup)
    };
    let name = |number: u8| format!("{number}-{}.corp.local", ttscm::id::new().simple());
    let (inside, missing) = (name(1), name(2));
    let said = [(&inside, guard(&["10.0.0.1"])), (&missing, guard(&[]))];
    for (name, guard) in said {
        let said = read(&guard, &format!("http://{name}/")).await;
        assert_eq!(said, Err(Unanswered::NoneByName));
        let Err(Error::Upstream { message, .. }) = said.map_err(Error::from) else { panic!("{name}") };
        assert!(message.contains("INTEGRATION_ALLOWED_NETWORKS"), "{message}");
    }
    let told = |name: &str| log::lines_with(name).iter().filter(|line| line.contains("may not call")).count();
    assert_eq!((told(&inside), told(&missing)), (1, 0));
}

/// Names whose servers never answer; how many were looked up.
#[derive(Default)]
struct SilentNames(AtomicUsize);

impl Lookup for SilentNames {
    fn addresses(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn names_whose_servers_are_silent_hold_so_many_threads_and_no_more() {
    let names = Arc::new(SilentNames::default());
    let shared: Arc<dyn Lookup> = names.clone();
    let guard = guard_with(&[], IMPATIENT, &shared);
    // nobody waits for the first ones any more when the others come
    for count in [40, 40, 40] {
        let said = (0..count).map(|number| {
            let (guard, address) = (&guard, format!("https://{number}.example.com/"));
            async move { read(guard, &address).await }
        });
        let said = futures_util::future::join_all(said).await;
        assert!(said.iter().all(|said| *said == Err(Unanswered::TimedOut)), "{said:?}");
    }
    assert_eq!(names.0.load(Ordering::SeqCst), 64);
}

#[tokio::test]
async fn plain_http_to_a_name_is_for_allowed_networks_alone() {
    let lookup: Arc<dyn Lookup> = TestLookup::new(|_, _| addresses(&["8.8.8.8"]));
    let guard = guard_with(&["10.0.0.0/8"], Bounds::default(), &lookup);
    for address in
        ["http://jira.example.com/", "https://jira.example.com:9000/", "http://jira.example.com:443/"]
    {
        assert_eq!(read(&guard, address).await, Err(Unanswered::NoneByName), "{address}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let behind = TestProduct::that_answers(200, "a secret").await;
    for (status, location) in [
        (301, behind.url()),
        (302, "http://127.0.0.1:22/".to_owned()),
        (302, "http://169.254.169.254/latest/meta-data/".to_owned()),
        (303, "https://evil.example".to_owned()),
        (307, behind.url()),
        (308, "/elsewhere".to_owned()),
    ] {
        let product = TestProduct::start(move |_| {
            let mut response = answer(status, MARKER);
            response.headers_mut().insert("location", location.parse().unwrap());
            response
        })
        .await;
        let guard = guard(&[HERE], Bounds::default());
        assert_eq!(read(&guard, &product.url()).await, Err(Unanswered::Redirect), "{status}");
        assert_eq!(product.take_asked().len(), 1);
    }
    assert!(behind.take_asked().is_empty());
}

#[tokio::test]
async fn an_answer_has_bounds() {
    let guard = guard(&[HERE], Bounds::default());
    let long = TestProduct::that_answers(200, &"a".repeat(1001)).await;
    assert_eq!(read(&guard, &long.url()).await, Err(Unanswered::TooLong(1000)));
    let whole = TestProduct::that_answers(200, &"a".repeat(1000)).await;
    assert_eq!(read(&guard, &whole.url()).await, Ok("a".repeat(1000)));
    let endless = TestProduct::start(|_| {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 300]));
        Response::new(Body::from_stream(stream::repeat_with(chunk)))
    });
    assert_eq!(read(&guard, &endless.await.url()).await, Err(Unanswered::TooLong(1000)));
    let headers = TestProduct::start(|_| {
        let numbers = 0..150;
        let response = Response::builder();
        let response = numbers.fold(response, |response, number| response.header(format!("x-{number}"), "1"));
        response.body(Body::empty()).unwrap()
    });
    assert_eq!(read(&guard, &headers.await.url()).await, Err(Unanswered::Unreachable));
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for() {
    let guard = guard(&[HERE], IMPATIENT);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    assert_eq!(read(&guard, &address).await, Err(Unanswered::TimedOut));
    let half = TestProduct::start(|_| {
        let begun = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{")) });
        Response::new(Body::from_stream(begun.chain(stream::pending())))
    });
    assert_eq!(read(&guard, &half.await.url()).await, Err(Unanswered::TimedOut));
    let dribble = TestProduct::start(|_| {
        let clock = tokio::time::interval(Duration::from_millis(5));
        let drops = stream::unfold(clock, |mut clock| async {
            clock.tick().await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), clock))
        });
        Response::new(Body::from_stream(drops))
    });
    assert_eq!(read(&guard, &dribble.await.url()).await, Err(Unanswered::TimedOut), "drop by drop");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let guard = guard(&[HERE], Bounds::default());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let nobody = read(&guard, &format!("http://nobody.example.com:{}/", address.port())).await;
    assert_eq!(nobody, Err(Unanswered::NoneByName));
    let unknown: Arc<dyn Lookup> = TestLookup::new(|_, _| Vec::new());
    let said = read(&guard_with(&[], Bounds::default(), &unknown), "https://unknown.example.com/").await;
    assert_eq!(said, Err(Unanswered::NoneByName));
    let nobody = read(&guard, &format!("http://{address}/")).await;
    assert_eq!(nobody, Err(Unanswered::Unreachable));
    // its own https is not spoken there
    let plain = TestProduct::that_answers(200, "well").await;
    let said = read(&guard, &plain.url().replace("http:", "https:")).await;
    assert_eq!(said, Err(Unanswered::Unreachable));
}

#[test]
fn what_went_wrong_tells_nothing_of_where() {
    for unanswered in [
        Unanswered::NotAllowed,
        Unanswered::TimedOut,
        Unanswered::Unreachable,
        Unanswered::NoneByName,
        Unanswered::Redirect,
        Unanswered::TooLong(7),
    ] {
        assert!(std::error::Error::source(&unanswered).is_none());
        let Error::Upstream { message, timed_out, cause } = unanswered.into() else { panic!("{unanswered}") };
        assert!(!message.is_empty() && cause.chain().count() == 1, "{cause:?}");
        assert_eq!(timed_out, unanswered == Unanswered::TimedOut);
    }
}

#[test]
fn a_proxy_of_the_environment_is_not_asked() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, &address).env(name.to_lowercase(), &address);
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy").env_remove("REQUEST_METHOD");
    child.args(["products::guard::calls_of_a_child", "--exact", "--ignored", "--nocapture"]);
    let ended = child.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    assert!(proxy.accept().is_ok(), "a client without a guard asks the proxy");
    let second = proxy.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(second, Err(ErrorKind::WouldBlock), "the guard does not");
}

/// What the child of the test above does, whose environment names a proxy.
#[tokio::test]
#[ignore = "it says something only where the environment names a proxy"]
async fn calls_of_a_child() {
    let product = TestProduct::that_answers(200, "well").await;
    let guard = guard(&[HERE], Bounds::default());
    assert_eq!(read(&guard, &product.url()).await.as_deref(), Ok("well"));
    assert_eq!(read(&guard, &product.url_by("jira.example.com")).await.as_deref(), Ok("well"));
    let usual = reqwest::Client::builder().timeout(Duration::from_millis(150)).build().unwrap();
    drop(usual.get(product.url()).send().await);
}
