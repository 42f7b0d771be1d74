//! A way from Gavel to the servers that a test can close and open: for everybody behind it, one of them is then unreachable.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Proxy {
    pub url: String,
    is_open: watch::Sender<bool>,
    refused: watch::Receiver<u64>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Stands before all servers; the way to `gated` can be closed.
    pub async fn start(gated: &str) -> Self {
        let gated = gated.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (is_open, open) = watch::channel(true);
        let (refusals, refused) = watch::channel(0);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let way = Way {
                    gated: gated.clone(),
                    open: open.clone(),
                    refusals: refusals.clone(),
                };
                tokio::spawn(async move {
                    // Either side may go away at any time.
                    let _ = way.carry(client).await;
                });
            }
        });
        Self {
            url,
            is_open,
            refused,
            task,
        }
    }

    pub fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Until so many more have found the way closed.
    pub async fn refuses(&self, more: u64) {
        let mut refused = self.refused.clone();
        let until = *refused.borrow() + more;
        refused.wait_for(|refused| *refused >= until).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Way {
    gated: String,
    open: watch::Receiver<bool>,
    refusals: watch::Sender<u64>,
}

impl Way {
    /// Carries one connection, which is to one server however many requests go over it.
    async fn carry(mut self, mut client: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if client.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let line = String::from_utf8_lossy(&head);
        let server = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(['/', ' ']).next())
            .expect("a request for a proxy names its server")
            .to_owned();
        let is_gated = server == self.gated;
        if is_gated && !*self.open.borrow() {
            self.refusals.send_modify(|refused| *refused += 1);
            return Ok(());
        }
        let mut server = TcpStream::connect(server).await?;
        server.write_all(&head).await?;
        tokio::select! {
            carried = copy_bidirectional(&mut client, &mut server) => carried.map(|_| ()),
            _ = self.open.wait_for(|open| is_gated && !open) => Ok(()),
        }
    }
}
