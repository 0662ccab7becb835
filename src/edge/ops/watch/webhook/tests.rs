//! Receivers on loopback that answer, fail, hang and refuse.

use super::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc as std_mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Quick, so that failing takes no time.
const QUICK: Patience =
    Patience { within: Duration::from_millis(200), first_pause: Duration::from_millis(5), attempts_max: 4 };
/// Longest that anything may take on a busy machine.
const BUSY: Duration = Duration::from_secs(20);

/// What a receiver does with a connection.
#[derive(Clone, Copy)]
pub enum Manner {
    /// With this status.
    Answers(u16),
    /// Reads, and says nothing until the other end is tired of it.
    Hangs,
    /// Closes at once.
    Closes,
}

/// A receiver that treats connections by this list, the last manner for ever; what it was told comes out of the queue.
pub fn receiver(manners: &'static [Manner]) -> (SocketAddr, std_mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, letters) = std_mpsc::channel();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let manner = manners[at.min(manners.len() - 1)];
            if matches!(manner, Manner::Closes) {
                continue;
            }
            let Some((head, body)) = read(&mut stream) else { continue };
            if told.send((head, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
            match manner {
                Manner::Answers(status) => {
                    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
                }
                _ => drop(stream.read(&mut [0])),
            }
        }
    });
    (address, letters)
}

/// Head and body of a request.
fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn change(is_raised: bool) -> Change {
    let text = "slow".to_owned();
    Change { unix_s: 951_782_399, name: "tick_slow", is_raised, value: Some(15.5), threshold: 14.0, text }
}

/// Runs something with a webhook at this address, and then waits until so many letters have had their fate.
fn with_webhook(address: SocketAddr, fates: u64, body: impl AsyncFnOnce(&Webhook)) -> Arc<Delivery> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("http://{address}/hook?key=1");
        let webhook = Webhook::start(&url, "north".to_owned(), 7, QUICK).unwrap();
        body(&webhook).await;
        let delivery = webhook.delivery.clone();
        let all = || {
            [&delivery.delivered, &delivery.queue_full, &delivery.refused, &delivery.gave_up]
                .map(Count::value)
                .iter()
                .sum::<u64>()
        };
        tokio::time::timeout(BUSY, async {
            while all() < fates {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("every letter has a fate");
        delivery
    })
}

#[test]
fn a_receiver_that_answers_is_told_each_change_once_and_in_order() {
    let (address, letters) = receiver(&[Manner::Answers(204)]);
    let delivery = with_webhook(address, 2, async |webhook| {
        webhook.tell(&change(true));
        webhook.tell(&change(false));
    });
    let told: Vec<(String, Value)> = letters.try_iter().collect();
    let [(head, raised), (_, cleared)] = told.as_slice() else { panic!("two letters, not {told:?}") };
    assert!(
        head.starts_with("post /hook?key=1 http/1.1\r\n") && head.contains(&format!("host: {address}\r\n")),
        "{head}"
    );
    assert!(
        head.contains("content-type: application/json\r\n") && head.contains("idempotency-key: 0000000000000007-1")
    );
    let wanted = json!({
        "id": "0000000000000007-1", "server": "north", "alert": "tick_slow", "change": "raised", "value": 15.5,
        "threshold": 14.0, "unix_s": 951_782_399, "at": "20000228T235959Z", "text": "north: tick_slow raised: slow",
    });
    assert_eq!(raised, &wanted);
    assert_eq!((cleared["change"].as_str(), cleared["id"].as_str()), (Some("cleared"), Some("0000000000000007-2")));
    assert_eq!((delivery.delivered.value(), delivery.retried.value()), (2, 0));
}

#[test]
fn one_that_fails_hangs_or_closes_first_is_told_again_with_the_same_id() {
    let (address, letters) = receiver(&[Manner::Answers(503), Manner::Closes, Manner::Hangs, Manner::Answers(200)]);
    let delivery = with_webhook(address, 2, async |webhook| {
        webhook.tell(&change(true));
        webhook.tell(&change(false));
    });
    let ids: Vec<String> = letters.try_iter().map(|(_, page)| page["id"].as_str().unwrap().to_owned()).collect();
    let [first, second] = ["0000000000000007-1", "0000000000000007-2"];
    assert_eq!(ids, [first, first, first, second], "the second waited for the first");
    assert_eq!((delivery.delivered.value(), delivery.retried.value()), (2, 3));
}

#[test]
fn one_that_will_never_take_it_is_not_asked_again() {
    let (address, letters) = receiver(&[Manner::Answers(404)]);
    let delivery = with_webhook(address, 1, async |webhook| webhook.tell(&change(true)));
    assert_eq!((letters.try_iter().count(), delivery.refused.value(), delivery.retried.value()), (1, 1, 0));
}

#[test]
fn one_that_only_hangs_is_given_up_and_nobody_has_waited() {
    let (address, _letters) = receiver(&[Manner::Hangs]);
    let delivery = with_webhook(address, 100, async |webhook| {
        let start = clock::mono_ns();
        (0..100).for_each(|_| webhook.tell(&change(true)));
        assert!(clock::mono_ns() - start < 100_000_000, "telling is not waiting");
        // What follows would take a minute: it is enough to see that the first is given up and that no more wait than may.
        while webhook.delivery.gave_up.value() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        let dropped = webhook.delivery.queue_full.value();
        assert_eq!(dropped, 100 - LETTERS_MAX as u64);
        (0..64).for_each(|_| webhook.delivery.gave_up.add());
    });
    assert_eq!(delivery.retried.value(), u64::from(QUICK.attempts_max - 1));
}

#[test]
fn a_test_is_tried_once_and_answered() {
    let (address, letters) = receiver(&[Manner::Answers(200), Manner::Answers(500)]);
    with_webhook(address, 2, async |webhook| {
        assert_eq!(webhook.test(0).await, Ok(()));
        assert_eq!(webhook.test(0).await, Err("it answers 500".to_owned()));
    });
    let told: Vec<(String, Value)> = letters.try_iter().collect();
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].1["alert"].as_str(), told[0].1["change"].as_str()), (Some("test"), Some("test")));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    with_webhook(nobody, 1, async |webhook| {
        let why = webhook.test(0).await.unwrap_err();
        assert!(why.starts_with("it cannot be reached: "), "{why}");
    });
}

#[test]
fn a_test_does_not_wait_behind_a_letter_that_is_tried_again() {
    let (address, letters) = receiver(&[Manner::Answers(503), Manner::Answers(200)]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Whoever waited for the second attempt would wait longer than anything may take here.
        let patience = Patience { first_pause: BUSY * 10, ..QUICK };
        let webhook = Webhook::start(&format!("http://{address}/"), "north".to_owned(), 7, patience).unwrap();
        webhook.tell(&change(true));
        let tested = tokio::time::timeout(BUSY, async {
            while webhook.delivery.retried.value() == 0 {
                sleep(Duration::from_millis(5)).await;
            }
            webhook.test(0).await
        });
        assert_eq!(tested.await.expect("the test is not held up"), Ok(()));
        assert_eq!(webhook.delivery.delivered.value(), 1);
    });
    let told: Vec<Value> = letters.try_iter().map(|(_, page)| page["change"].clone()).collect();
    assert_eq!(told, ["raised", "test"]);
}

#[test]
fn with_tls_a_receiver_is_told_if_its_certificate_is_good_and_only_then() {
    let pem = include_bytes!("localhost.pem");
    let certificate = CertificateDer::from_pem_slice(pem).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from_pem_slice(pem).unwrap())
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcomes = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let mut told = 0;
            while told == 0 {
                let (stream, _) = listener.accept().await.unwrap();
                // Whoever does not trust us goes away.
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let answer = hyper::service::service_fn(|_| async {
                    Ok::<_, std::convert::Infallible>(axum::http::Response::new(axum::body::Body::empty()))
                });
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(hyper_util::rt::TokioIo::new(stream), answer).await;
                told += 1;
            }
        });
        let mut outcomes = Vec::new();
        // The certificate is for the name and not for the address.
        for host in ["127.0.0.1", "localhost"] {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone()).unwrap();
            let receiver = Receiver::trusting(&format!("https://{host}:{port}/"), || roots).unwrap();
            outcomes.push(receiver.post("1", "{}", BUSY).await);
        }
        answering.await.unwrap();
        outcomes
    });
    assert!(matches!(&outcomes[0], Err(Failure::Later(why)) if why.starts_with("TLS failed: ")), "{outcomes:?}");
    assert_eq!(outcomes[1], Ok(()));
    let nobody = Receiver::trusting("https://localhost/", RootCertStore::empty).unwrap_err();
    assert!(nobody.contains("no certificates that it trusts"), "{nobody}");
}

#[test]
fn pauses_double_and_vary_by_half() {
    let s = |attempt, chance| pause(Duration::from_secs(1), attempt, chance).as_secs_f64();
    assert_eq!([s(1, 0.5), s(2, 0.5), s(6, 0.5)], [1.0, 2.0, 32.0]);
    assert_eq!([s(3, 0.0), s(3, 1.0)], [2.0, 6.0]);
    let Patience { first_pause, attempts_max, .. } = Patience::default();
    let in_all: Duration = (1..attempts_max).map(|attempt| pause(first_pause, attempt, 0.5)).sum();
    assert_eq!(in_all.as_secs(), 63);
}
