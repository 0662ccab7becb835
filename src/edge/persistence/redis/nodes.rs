//! The servers behind the address: one, or those of a cluster, each of which has some of the slots.
//!
//! A server that is asked for what another one has says which one that is (`MOVED`), and for what is just on its way to
//! another one who may be asked for it this time (`ASK`); both are followed, and the first is remembered. What is said here
//! of slots, answers and the checksum is Redis' cluster specification.

use super::keys;
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, RedisResult, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// For name look-up, TCP and login together. A Redis that takes longer is no hot store.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// For the answer to one batch: a thousand times what one takes on a network of one's own.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How often a command is sent on: from where it was to where it is, once more if it moves just then, and on its way there.
const SENT_ON_MAX: usize = 3;
/// Connections that are kept: what a cluster has at most, by Redis' own advice. A server that names ever new ones gets no more.
const NODES_MAX: usize = 1_000;
/// Of a cluster.
const SLOTS: u16 = 16_384;

/// Connections by address, made when they are needed.
pub struct Nodes {
    info: ConnectionInfo,
    /// Where whatever is not known to be elsewhere is asked for.
    home: String,
    open: BTreeMap<String, MultiplexedConnection>,
    /// Where slots are that are not at home.
    moved: BTreeMap<u16, String>,
}

/// Where a command goes next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stop {
    node: String,
    /// It has to be told that it was named by another one.
    is_asked: bool,
}

impl Nodes {
    /// Those that are found from this one.
    pub fn new(info: ConnectionInfo) -> Self {
        Self { home: info.addr().to_string(), info, open: BTreeMap::new(), moved: BTreeMap::new() }
    }

    /// The answers to these commands, in order. Those of one player go where he is, in order and in one piece.
    ///
    /// # Errors
    /// One of the servers could not be asked: some of the commands may have been done.
    pub async fn send(&mut self, commands: &[Cmd]) -> RedisResult<Vec<Value>> {
        let mut values = vec![Value::Nil; commands.len()];
        let mut left: BTreeMap<Stop, Vec<usize>> = BTreeMap::new();
        for (at, command) in commands.iter().enumerate() {
            left.entry(self.stop_of(command)).or_default().push(at);
        }
        for _ in 0..=SENT_ON_MAX {
            for (stop, batch) in std::mem::take(&mut left) {
                let answers = self.send_to(&stop, batch.iter().map(|&at| &commands[at])).await?;
                for (at, answer) in batch.into_iter().zip(answers) {
                    if let Some((slot, next)) = sent_on(&answer, &stop.node) {
                        if !next.is_asked {
                            self.moved.insert(slot, next.node.clone());
                        }
                        left.entry(next).or_default().push(at);
                    }
                    values[at] = answer;
                }
            }
            if left.is_empty() {
                break;
            }
        }
        Ok(values)
    }

    fn stop_of(&self, command: &Cmd) -> Stop {
        let known = keys::tag_in(command).and_then(|tag| self.moved.get(&slot_of(tag)));
        Stop { node: known.unwrap_or(&self.home).clone(), is_asked: false }
    }

    /// A connection that was cut while nobody used it is no failure: it is made anew and asked once more. Where a server of
    /// a cluster is gone, what it had is elsewhere by and by: the way there is found anew from home.
    async fn send_to(&mut self, stop: &Stop, commands: impl Iterator<Item = &Cmd>) -> RedisResult<Vec<Value>> {
        let mut batch = Pipeline::new();
        for command in commands {
            if stop.is_asked {
                batch.cmd("ASKING");
            }
            batch.add_command(command.clone());
        }
        batch.ignore_errors();
        let was_open = self.open.contains_key(&stop.node);
        let mut values = match self.send_once(&stop.node, &batch).await {
            Err(error) if was_open && error.is_connection_dropped() => self.send_once(&stop.node, &batch).await,
            answered => answered,
        }
        .inspect_err(|_| self.moved.clear())?;
        if stop.is_asked {
            values = values.into_iter().skip(1).step_by(2).collect();
        }
        Ok(values)
    }

    async fn send_once(&mut self, node: &str, batch: &Pipeline) -> RedisResult<Vec<Value>> {
        let mut connection = match self.open.remove(node) {
            Some(connection) => connection,
            None => self.connect(node).await?,
        };
        let values: Vec<Value> = batch.query_async(&mut connection).await?;
        if self.open.len() >= NODES_MAX {
            self.open.clear();
        }
        // Only one that answered is kept: answers that come too late must not be taken for those to the next call.
        self.open.insert(node.to_owned(), connection);
        Ok(values)
    }

    async fn connect(&self, node: &str) -> RedisResult<MultiplexedConnection> {
        let mut info = self.info.clone();
        if node != self.home
            && let Some((host, port)) = split(node)
        {
            info = info.set_addr(ConnectionAddr::Tcp(host.to_owned(), port));
        }
        let patience = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_WITHIN));
        let patience = patience.set_response_timeout(Some(ANSWER_WITHIN));
        Client::open(info)?.get_multiplexed_async_connection_with_config(&patience).await
    }
}

/// Where an answer says that something is: `MOVED 3999 10.0.0.6:6381`, or `ASK` and the same. A server that does not know
/// its own address leaves it out: then it is the one that was asked, at another port.
fn sent_on(answer: &Value, asked: &str) -> Option<(u16, Stop)> {
    let Value::ServerError(error) = answer else { return None };
    let is_asked = match error.code() {
        "MOVED" => false,
        "ASK" => true,
        _ => return None,
    };
    let mut words = error.details()?.split(' ');
    let slot = words.next()?.parse().ok().filter(|slot| *slot < SLOTS)?;
    let (host, port) = split(words.next()?)?;
    let host = if host.is_empty() { split(asked)?.0 } else { host };
    Some((slot, Stop { node: format!("{host}:{port}"), is_asked }))
}

fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

/// CRC-16/XMODEM (polynomial 0x1021, from 0) of what stands in the braces of a key.
fn slot_of(tag: &[u8]) -> u16 {
    let of_byte = |crc: u16, byte: &u8| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    };
    tag.iter().fold(0, of_byte) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::redis::parse_redis_value;

    /// From the specification: the checksum of `123456789` is 0x31C3.
    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(slot_of(b"123456789"), 0x31c3 % SLOTS);
        assert_eq!(slot_of(b"foo"), 12_182);
        assert_eq!(slot_of(b""), 0);
    }

    #[test]
    fn an_answer_that_sends_on_is_followed_and_another_is_not() {
        let said = |line: &str| sent_on(&parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap(), "here:6379");
        let stop = |node: &str, is_asked| Some((3_999, Stop { node: node.to_owned(), is_asked }));
        assert_eq!(said("MOVED 3999 10.0.0.6:6381"), stop("10.0.0.6:6381", false));
        assert_eq!(said("ASK 3999 10.0.0.6:6381"), stop("10.0.0.6:6381", true));
        assert_eq!(said("MOVED 3999 :6381"), stop("here:6381", false));
        for other in ["ERR MOVED 3999 a:1", "MOVED", "MOVED 16384 a:1", "MOVED 3999", "MOVED 3999 a:x", "ASK 1"] {
            assert_eq!(said(other), None, "{other}");
        }
        assert_eq!(sent_on(&Value::Okay, "here:6379"), None);
    }
}
