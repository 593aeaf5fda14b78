//! A network that loses connections without a word, as a firewall does that has forgotten them.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to somewhere else.
pub struct Network {
    pub address: SocketAddr,
    lost: watch::Sender<()>,
}

impl Network {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let lost = watch::Sender::new(());
        let from_now_on = lost.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target, from_now_on.subscribe()));
            }
        });
        Self { address, lost }
    }

    /// Whatever is sent on the connections of before arrives nowhere from now on, and nobody is told.
    pub fn lose_connections(&self) {
        self.lost.send_replace(());
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, mut lost: watch::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        // whoever ended it, both are told
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = lost.changed() => pending().await,
    }
}
