//! `protocol-spec/ops-v1.yaml` against the code that it describes, and the recorded requests against it.

use ops_api::{
    Alert, Alerts, AuditLine, AuditPage, Ban, Bans, COMMANDS, Command, Limit, Limits, LogLevel, PhaseTime, PlayerRow,
    Players, Profile, Refused, Role, ThreadTime,
};
use ops_client::{BothWays, CpuSeconds, Forecast, Quantiles, Status, Store, Stores, TickHistogram};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

fn spec_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol-spec"))
}

fn document() -> Value {
    let text = std::fs::read_to_string(spec_dir().join("ops-v1.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object"))
}

fn names(value: &Value) -> BTreeSet<&str> {
    object(value).keys().map(String::as_str).collect()
}

fn schema<'a>(document: &'a Value, name: &str) -> &'a Value {
    let schemas = object(&document["components"]["schemas"]);
    schemas.get(name).unwrap_or_else(|| panic!("there is no schema {name}"))
}

/// Every command with every field that it can have.
fn commands() -> Vec<Command> {
    let who: ops_api::Whom = "account:42".parse().unwrap();
    let what: ops_api::Barred = "10.0.0.0/8".parse().unwrap();
    let text = || "x".to_owned();
    vec![
        Command::Kick { who: who.clone(), reason: text() },
        Command::Ban { what, for_s: Some(1), reason: text() },
        Command::Unban { what },
        Command::Say { text: text(), to: Some(who) },
        Command::Limits { name: text(), value: 1 },
        Command::LogLevel { filter: text() },
        Command::Reload {},
        Command::Backup { to: Some(text()) },
        Command::Export { account: 1 },
        Command::Erase { account: 1, characters: vec![1] },
        Command::Report {},
        Command::Drain { cancel: true },
        Command::Shutdown { in_s: 1, reason: text(), cancel: true },
        Command::TestAlert {},
        Command::Test { work_ms: 1, freeze_ms: 1, for_s: 1 },
    ]
}

#[test]
fn every_command_is_described_with_its_fields_and_the_least_that_it_wants() {
    let document = document();
    let commands = commands();
    assert_eq!(commands.iter().map(Command::name).collect::<Vec<_>>(), COMMANDS);
    for command in commands {
        let name = command.name();
        let post = &document["paths"][format!("/api/v1/{name}")]["post"];
        let body = &post["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(body, &format!("#/components/schemas/Command.{name}"), "{name}");
        assert_eq!(post["security"], serde_json::json!([{ "operate": [] }]), "{name}");
        let schema = schema(&document, &format!("Command.{name}"));
        let whole = serde_json::to_value(&command).unwrap();
        assert_eq!(names(&schema["properties"]), names(&whole), "{name}");
        assert_eq!(schema["properties"]["command"]["const"], name);
        assert_eq!(schema["additionalProperties"], false, "{name}: what is not known is refused");

        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().map(|field| field.as_str().unwrap()).collect();
        let of = |fields: &[&str]| {
            let fields = fields.iter().map(|field| ((*field).to_owned(), whole[*field].clone()));
            let fields: Map<_, _> = fields.chain([("command".to_owned(), name.into())]).collect();
            serde_json::from_value::<Command>(fields.into())
        };
        assert!(of(&required).is_ok(), "{name} wants more than {required:?}");
        for left_out in &required {
            let rest: Vec<_> = required.iter().filter(|field| *field != left_out).copied().collect();
            assert!(of(&rest).is_err(), "{name} does not want {left_out}");
        }
        let needs_body = post["requestBody"]["required"].as_bool().unwrap_or(false);
        assert!(needs_body || required.is_empty(), "{name} needs a body");
    }
}

#[test]
fn every_page_is_described_with_its_fields() {
    fn fields(page: impl Serialize) -> Value {
        serde_json::to_value(page).unwrap()
    }
    let line = AuditLine {
        number: 0,
        at: String::new(),
        from: String::new(),
        role: Some(Role::Read),
        command: String::new(),
        fields: String::new(),
        status: 0,
    };
    let document = document();
    for (name, page) in [
        ("Status", fields(Status::default())),
        ("TickHistogram", fields(TickHistogram::default())),
        ("CpuSeconds", fields(CpuSeconds::default())),
        ("Quantiles", fields(Quantiles::default())),
        ("BothWays", fields(BothWays::default())),
        ("Forecast", fields(Forecast::default())),
        ("Stores", fields(Stores::default())),
        ("Store", fields(Store::default())),
        ("Players", fields(Players::default())),
        ("PlayerRow", fields(PlayerRow::default())),
        ("Bans", fields(Bans::default())),
        ("Ban", fields(Ban::default())),
        ("Limits", fields(Limits::default())),
        ("Limit", fields(Limit::default())),
        ("LogLevel", fields(LogLevel::default())),
        ("Alerts", fields(Alerts::default())),
        ("Alert", fields(Alert::default())),
        ("AuditPage", fields(AuditPage::default())),
        ("AuditLine", fields(line)),
        ("Profile", fields(Profile::default())),
        ("ThreadTime", fields(ThreadTime::default())),
        ("PhaseTime", fields(PhaseTime::default())),
        ("Refused", fields(Refused::default())),
    ] {
        let described = &schema(&document, name)["properties"];
        assert_eq!(names(described), names(&page), "{name}");
        for (field, value) in object(&page) {
            assert!(may_be(&document, &described[field], value), "{name}.{field} is not as described: {value}");
        }
    }
}

/// Whether a value is of a type that the schema names; as deep as the pages' defaults are.
fn may_be(document: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return may_be(document, document.pointer(&reference[1..]).unwrap(), value);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().any(|choice| may_be(document, choice, value));
    }
    if schema.get("enum").is_some() {
        // A default is no word of a list.
        return value.is_string() || value.is_null();
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        kind => is(kind.as_str().unwrap_or_else(|| panic!("{schema} has no type"))),
    }
}

#[test]
fn the_document_is_whole() {
    fn visit<'a>(value: &'a Value, see: &mut impl FnMut(&'a str, &'a Value)) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    see(name, value);
                    visit(value, see);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| visit(value, see)),
            _ => {}
        }
    }
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut used = BTreeSet::new();
    visit(&document, &mut |name, value| {
        if name == "$ref" {
            let reference = value.as_str().unwrap();
            assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
            used.insert(reference);
        }
    });
    for name in object(&document["components"]["schemas"]).keys() {
        assert!(used.contains(format!("#/components/schemas/{name}").as_str()), "{name} is not used");
    }
    for (path, operations) in object(&document["paths"]) {
        for (method, operation) in object(operations) {
            let is_open = operation["security"] == serde_json::json!([]);
            assert_eq!(is_open, !path.starts_with("/api/"), "{method} {path}: the API alone wants a token");
            let answers = names(&operation["responses"]);
            assert!(is_open || answers.contains("401"), "{method} {path}");
            assert!(method != "post" || answers.contains("403"), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
}

#[test]
fn every_operation_has_a_recorded_request_and_every_recorded_status_is_described() {
    let document = document();
    let mut recorded = BTreeSet::new();
    for file in std::fs::read_dir(spec_dir().join("ops-v1")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let requests: Vec<Value> = serde_json::from_str(&text).unwrap();
        for request in requests {
            let path = request["path"].as_str().unwrap().split('?').next().unwrap().to_owned();
            let method = request["method"].as_str().unwrap().to_lowercase();
            let Some(operation) = document["paths"].get(&path).and_then(|path| path.get(&method)) else {
                assert_eq!(request["expect"]["status"], "4xx", "{method} {path} is not described");
                continue;
            };
            if let Some(status) = request["expect"]["status"].as_u64() {
                assert!(operation["responses"].get(status.to_string()).is_some(), "{method} {path}: {status}");
                recorded.insert((path, method));
            }
        }
    }
    for (path, operations) in object(&document["paths"]) {
        for method in object(operations).keys() {
            // What it refuses is recorded; that it suffers would disturb whatever is recorded after it.
            let is_recorded = recorded.contains(&(path.clone(), method.clone())) || path == "/api/v1/test";
            assert!(is_recorded, "{method} {path} has no recorded request");
        }
    }
}
