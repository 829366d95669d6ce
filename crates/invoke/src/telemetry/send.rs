//! Ways into the sandbox: a batch by HTTP or over a bare connection.

use std::future::Future;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use hearth_model::BoxFuture;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::subscription::Destination;

/// An answer is read, for the connection's sake, up to here.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Connects to a port on the sandbox's loopback.
pub(crate) trait Connect: Send + Sync + 'static {
    fn connect(&self, port: u16) -> BoxFuture<'_, io::Result<TcpStream>>;
}

/// A connection that is kept from batch to batch.
pub(super) enum Sender {
    Http { port: u16, path: String, open: Option<HttpConnection> },
    Tcp { port: u16, open: Option<TcpStream> },
}

pub(super) struct HttpConnection {
    requests: http1::SendRequest<Full<Bytes>>,
    /// Moves the bytes; polled while a request is on its way.
    traffic: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
}

impl Sender {
    pub(super) fn new(destination: &Destination) -> Self {
        match destination.clone() {
            Destination::Http { port, path } => Self::Http { port, path, open: None },
            Destination::Tcp { port } => Self::Tcp { port, open: None },
        }
    }

    /// Delivers a batch once. An error leaves no connection open; so does a drop on the way.
    pub(super) async fn send(&mut self, batch: &[Vec<u8>], way: &dyn Connect) -> io::Result<()> {
        match self {
            Self::Http { port, path, open } => {
                let mut connection = match open.take() {
                    Some(connection) if !connection.requests.is_closed() => connection,
                    _ => connect_http(way, *port).await?,
                };
                post(&mut connection, *port, path, array(batch)).await?;
                *open = Some(connection);
            }
            Self::Tcp { port, open } => {
                let mut connection = match open.take() {
                    Some(connection) => connection,
                    None => way.connect(*port).await?,
                };
                connection.write_all(&lines(batch)).await?;
                *open = Some(connection);
            }
        }
        Ok(())
    }
}

async fn connect_http(way: &dyn Connect, port: u16) -> io::Result<HttpConnection> {
    let stream = TokioIo::new(way.connect(port).await?);
    let (requests, traffic) = http1::handshake(stream).await.map_err(io::Error::other)?;
    Ok(HttpConnection {
        requests,
        traffic: Box::pin(traffic),
    })
}

async fn post(connection: &mut HttpConnection, port: u16, path: &str, body: Bytes) -> io::Result<()> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().map_err(io::Error::other)?;
    let host = HeaderValue::from_str(&format!("sandbox.localdomain:{port}")).map_err(io::Error::other)?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let HttpConnection { requests, traffic } = connection;
    let exchange = async {
        let response: Response<Incoming> = requests.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(io::Error::other)?;
        if status.is_success() { Ok(()) } else { Err(io::Error::other(format!("answered {status}"))) }
    };
    tokio::pin!(exchange);
    let mut is_open = true;
    loop {
        tokio::select! {
            biased;
            done = &mut exchange => return done,
            // The exchange hears of it too, and says what it means.
            _ = traffic.as_mut(), if is_open => is_open = false,
        }
    }
}

fn array(batch: &[Vec<u8>]) -> Bytes {
    let mut body = Vec::with_capacity(batch.iter().map(|record| record.len() + 1).sum::<usize>() + 2);
    for record in batch {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(record);
    }
    body.push(b']');
    body.into()
}

fn lines(batch: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(batch.iter().map(|record| record.len() + 1).sum());
    for record in batch {
        body.extend_from_slice(record);
        body.push(b'\n');
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_arrays_or_lines() {
        let batch = [b"{}".to_vec(), b"1".to_vec()];
        assert_eq!(array(&batch), "[{},1]");
        assert_eq!(lines(&batch), b"{}\n1\n");
    }
}
