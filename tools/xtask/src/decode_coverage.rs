//! Of the code that reads bytes from the wire: which lines the fuzz corpora reach.
//!
//! Encoders stand in the same files and are left out: the table names functions, and a name that is no longer there is an
//! error, so that the table cannot fall behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::coverage::llvm_cov_lines;
use crate::rust_text::RustText;
use crate::step::Steps;
use crate::table::table;

/// Percent of the lines, all decoders together.
const LINES_PERCENT_MIN: f64 = 95.0;

/// Where bytes of a peer are read, from the datagram to the last field.
const DECODERS: [(&str, &[&str]); 38] = [
    (
        "src/rudp/src/outer.rs",
        &["decode_header", "decode_path_header", "open", "check_body", "decode", "decode_request"],
    ),
    ("src/rudp/src/seal.rs", &["open"]),
    ("src/rudp/src/link.rs", &["open"]),
    ("src/rudp/src/replay.rs", &["test", "commit"]),
    ("src/rudp/src/sequence.rs", &["widen"]),
    ("src/rudp/src/token/public.rs", &["decode"]),
    ("src/rudp/src/token/private.rs", &["open", "decode"]),
    ("src/rudp/src/token/address.rs", &["decode", "canonical"]),
    ("src/rudp/src/token/user.rs", &["decode"]),
    ("src/rudp/src/hello.rs", &["judge"]),
    ("src/rudp/src/server/receive.rs", &["handle_datagram", "handle_sealed", "handle_payload"]),
    ("src/rudp/src/server/requests.rs", &["handle_request", "open_token", "handle_response"]),
    ("src/rudp/src/server/path.rs", &["handle_path", "judge_address"]),
    ("src/rudp/src/packet/mod.rs", &["decode", "peek_hello"]),
    ("src/rudp/src/packet/header.rs", &["decode", "decode_mask"]),
    (
        "src/rudp/src/packet/frame.rs",
        &[
            "decode",
            "decode_hello",
            "decode_message",
            "decode_fragment",
            "decode_window",
            "decode_close",
            "decode_length",
        ],
    ),
    (
        "src/rudp/src/connection/receive.rs",
        &[
            "handle_payload",
            "receive",
            "receive_hello",
            "receive_early_close",
            "receive_accept",
            "receive_frames",
            "receive_reliable",
            "receive_fragment",
            "receive_unreliable_fragment",
            "receive_close",
        ],
    ),
    ("src/rudp/src/connection/recovery.rs", &["on_ack_field", "on_number_acked"]),
    ("src/rudp/src/connection/bulk.rs", &["receive_piece", "put_piece", "on_window"]),
    ("src/rudp/src/sent.rs", &["ack", "on_acks", "on_older_acks"]),
    ("src/rudp/src/channel/inbound.rs", &["on_message", "on_fragment"]),
    ("src/rudp/src/channel/reassembly.rs", &["keep"]),
    ("src/rudp/src/channel/bulk/mod.rs", &["decode"]),
    ("src/rudp/src/channel/bulk/inbound.rs", &["on_piece"]),
    ("src/protocol/src/codec.rs", &["decode"]),
    ("src/protocol/src/input.rs", &["decode", "take_input"]),
    ("src/protocol/src/snapshot/baseline.rs", &["from_code", "gather"]),
    ("src/protocol/src/snapshot/delta.rs", &["decode_delta", "decode", "take_residual", "take_told", "take_flags"]),
    ("src/protocol/src/snapshot/field.rs", &["decode_full", "wrap"]),
    ("src/protocol/src/snapshot/lifeless.rs", &["decode_lifeless"]),
    ("src/protocol/src/snapshot/tree.rs", &["choose", "choose_all"]),
    ("src/protocol/src/snapshot/turn.rs", &["of", "take"]),
    ("src/protocol/src/snapshot/heading.rs", &["of", "from_sector", "angle_to", "across_and_along", "x_and_y", "part"]),
    ("src/protocol/src/snapshot/part/own.rs", &["take_own", "take_signed"]),
    (
        "src/protocol/src/snapshot/part/reader.rs",
        &["new", "next_record", "state_delta", "state_full", "slot", "body", "take_ages"],
    ),
    ("src/protocol/src/snapshot/predict.rs", &["of", "predict", "predict_alive", "learn", "get", "velocity_of"]),
    ("src/protocol/src/snapshot/prefix.rs", &["take"]),
    ("src/client/src/store.rs", &["apply", "apply_records", "apply_record", "apply_delta", "presence", "read_delta"]),
];

/// How often each line of each file ran; lines without code are absent.
pub type Hits = BTreeMap<String, BTreeMap<usize, u64>>;

/// Runs the fuzz bodies over their corpora, instrumented, and prints the table; fails below [`LINES_PERCENT_MIN`].
pub fn run(checkout: &Checkout, steps: &Steps) -> Result<()> {
    let lcov = steps.run("coverage of decoders", || llvm_cov_lines(checkout))?;
    let hits = read_lcov(&lcov, &checkout.root)?;
    let (mut rows, mut all, mut reached) = (Vec::new(), 0, 0);
    for (file, names) in DECODERS {
        let source = fs::read_to_string(checkout.root.join(file)).with_context(|| format!("{file} cannot be read"))?;
        let lines = lines_of(&source, names).with_context(|| format!("{file} is not what the table says"))?;
        let hits = hits.get(file).with_context(|| format!("the coverage report does not name {file}"))?;
        let ran: Vec<(usize, bool)> =
            lines.into_iter().filter_map(|line| hits.get(&line).map(|count| (line, *count > 0))).collect();
        let covered = ran.iter().filter(|(_, ran)| *ran).count();
        let missed: Vec<String> = ran.iter().filter(|(_, ran)| !ran).map(|(line, _)| line.to_string()).collect();
        rows.push(vec![file.to_owned(), ran.len().to_string(), covered.to_string(), missed.join(" ")]);
        (all, reached) = (all + ran.len(), reached + covered);
    }
    #[expect(clippy::cast_precision_loss, reason = "line counts")]
    let percent = 100.0 * reached as f64 / all.max(1) as f64;
    rows.push(vec![format!("all: {percent:.1} %"), all.to_string(), reached.to_string(), String::new()]);
    println!("{}", table(&["decoders in", "lines", "reached", "not reached"], &rows));
    if percent < LINES_PERCENT_MIN {
        bail!("the corpora reach {percent:.1} % of the decoders' lines, {LINES_PERCENT_MIN} % are promised");
    }
    Ok(())
}

/// The records of an lcov file that concern this checkout.
fn read_lcov(lcov: &str, root: &Path) -> Result<Hits> {
    let mut hits = Hits::new();
    let mut file = None;
    for line in lcov.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = Path::new(path).strip_prefix(root).ok().map(|inside| inside.to_string_lossy().into_owned());
        } else if let (Some(record), Some(file)) = (line.strip_prefix("DA:"), &file) {
            let mut numbers = record.split(',').map(str::parse::<u64>);
            let (Some(Ok(line)), Some(Ok(count))) = (numbers.next(), numbers.next()) else {
                bail!("the coverage report has a line `{line}`");
            };
            let place = hits.entry(file.clone()).or_default().entry(usize::try_from(line)?).or_default();
            *place = count.max(*place);
        }
    }
    Ok(hits)
}

/// The lines of all functions of these names before the tests of a file.
fn lines_of(source: &str, names: &[&str]) -> Result<Vec<usize>> {
    let product = source.split("#[cfg(test)]\nmod ").next().unwrap_or(source);
    let functions = RustText::of(product).functions();
    let mut lines = Vec::new();
    for name in names {
        let before = lines.len();
        for function in functions.iter().filter(|function| function.name == *name) {
            lines.extend(function.line..function.line + function.lines);
        }
        if lines.len() == before {
            bail!("there is no function `{name}`");
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decoder_of_the_table_is_there() {
        let root = Checkout::find().unwrap().root;
        for (file, names) in DECODERS {
            let source = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            lines_of(&source, names).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }

    #[test]
    fn only_the_named_functions_count_and_none_of_the_tests() {
        let source = "fn encode() {\n    a();\n}\nfn decode() {\n    b();\n}\n#[cfg(test)]\nmod tests {\n    fn decode() {\n    }\n}\n";
        assert_eq!(lines_of(source, &["decode"]).unwrap(), [4, 5, 6]);
        assert!(lines_of(source, &["decode", "gone"]).is_err());
    }

    #[test]
    fn a_line_counts_as_often_as_its_busiest_copy_ran() {
        let lcov =
            "SF:/c/src/a.rs\nDA:3,0\nDA:4,2\nend_of_record\nSF:/c/src/a.rs\nDA:3,7\nSF:/elsewhere/b.rs\nDA:1,1\n";
        let hits = read_lcov(lcov, Path::new("/c")).unwrap();
        assert_eq!(hits.len(), 1);
        assert_eq!(hits["src/a.rs"], BTreeMap::from([(3, 7), (4, 2)]));
        assert!(read_lcov("SF:/c/src/a.rs\nDA:x", Path::new("/c")).is_err());
    }
}
