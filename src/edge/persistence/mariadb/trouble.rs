//! What MariaDB and the way to it say when something is wrong, as [`Trouble`].

use mysql_async::{DriverError, Error, IoError, ServerError};
use server::{StoreError, Trouble};
use std::io;

/// The error that the caller is told. `place` is host and port, `doing` what was being done; neither holds a password, and
/// nor do the server's own sentences.
pub fn trouble_of(place: &str, doing: &str, error: &Error) -> StoreError {
    let (trouble, said) = match error {
        Error::Server(said) => {
            let text = format!("refused to {doing}: error {}: {}", said.code, said.message);
            (server_trouble(said), text)
        }
        Error::Io(IoError::Io(said)) => (io_trouble(said), format!("was lost while it had to {doing}: {said}")),
        Error::Driver(said) => (driver_trouble(said), format!("cannot {doing}: {}", driver_text(said))),
        // Neither quotes what was sent or where to.
        Error::Other(_) => (Trouble::Broken, format!("cannot {doing}: the driver gave up")),
        Error::Url(_) => (Trouble::Broken, format!("cannot {doing}: its address is not understood")),
    };
    StoreError { trouble, text: format!("MariaDB at {place} {said}") }
}

/// It did not answer within so many seconds.
pub fn slow(place: &str, doing: &str, within_s: u64) -> StoreError {
    let text = format!("MariaDB at {place} did not {doing} within {within_s} s");
    StoreError { trouble: Trouble::Slow, text }
}

/// The numbers are those of `mysqld_error.h`, which MariaDB and MySQL share below 1900.
fn server_trouble(said: &ServerError) -> Trouble {
    match said.code {
        1044 | 1045 | 1130 | 1142 | 1143 | 1227 | 1410 | 1698 | 1820 | 1862 | 4151 => Trouble::Credentials,
        // 1020 comes of a snapshot that is too old, 1615 of a table that was changed under a statement, 3101 and a 1213 that
        // comes with the commit of Galera's certification.
        1020 | 1205 | 1213 | 1615 | 3101 => Trouble::Conflict,
        1290 | 1792 | 1836 => Trouble::ReadOnly,
        // 1040, 1203 and 1226 are about connections, 1637 about transactions, all others about disk or memory.
        28 | 1021 | 1037 | 1038 | 1040 | 1041 | 1114 | 1203 | 1226 | 1637 => Trouble::Full,
        // 1047 is said by a node of a Galera cluster that is not, or not yet, one of the majority.
        1047 | 1053 => Trouble::Starting,
        1927 => Trouble::Down,
        1969 | 3024 => Trouble::Slow,
        1049 | 1054 | 1136 | 1146 | 1305 | 1360 | 4161 => Trouble::Schema,
        _ if DISK_FULL.iter().any(|words| said.message.contains(words)) => Trouble::Full,
        _ => Trouble::Broken,
    }
}

/// Other codes (3, 1026, 1030 ..) are about any fault of a file; then the words decide.
const DISK_FULL: [&str; 4] = ["No space left", "Errcode: 28", "errno: 28", "Disk full"];

fn io_trouble(said: &io::Error) -> Trouble {
    match said.kind() {
        io::ErrorKind::TimedOut => Trouble::Slow,
        io::ErrorKind::StorageFull => Trouble::Full,
        _ => Trouble::Down,
    }
}

fn driver_trouble(said: &DriverError) -> Trouble {
    match said {
        DriverError::ConnectionClosed | DriverError::PoolDisconnected => Trouble::Down,
        DriverError::UnknownAuthPlugin { .. }
        | DriverError::MysqlOldPasswordDisabled
        | DriverError::CleartextPluginDisabled => Trouble::Credentials,
        _ => Trouble::Broken,
    }
}

/// Without the values that some of them hold.
fn driver_text(said: &DriverError) -> String {
    match said {
        DriverError::FromValue { .. } | DriverError::FromRow { .. } => "a column has another type".to_owned(),
        DriverError::UnexpectedPacket { .. } => "an unexpected packet".to_owned(),
        DriverError::BulkExecute(_) => "a row is too long".to_owned(),
        other => other.to_string().trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: u16, message: &str) -> Trouble {
        let said = ServerError { code, message: message.to_owned(), state: "HY000".to_owned() };
        trouble_of("db:3306", "save", &Error::Server(said)).trouble
    }

    #[test]
    fn a_code_that_says_nothing_of_room_is_full_if_its_words_do() {
        assert_eq!(of(1026, "Error writing file './a' (Errcode: 28 \"No space left on device\")"), Trouble::Full);
        assert_eq!(of(1026, "Error writing file './a' (Errcode: 5 \"Input/output error\")"), Trouble::Broken);
        assert_eq!(of(1114, "The table 'items' is full"), Trouble::Full);
    }

    #[test]
    fn an_error_names_the_place_what_was_to_be_done_and_what_was_said_and_no_values() {
        let said = ServerError { code: 1045, message: "Access denied".to_owned(), state: "28000".to_owned() };
        let error = trouble_of("db:3306", "connect", &Error::Server(said));
        assert_eq!(error.to_string(), "MariaDB at db:3306 refused to connect: error 1045: Access denied");
        let value = DriverError::FromValue { value: mysql_async::Value::Bytes(b"a secret".to_vec()) };
        let error = trouble_of("db:3306", "load", &Error::Driver(value));
        assert_eq!(error.to_string(), "MariaDB at db:3306 cannot load: a column has another type");
    }
}
