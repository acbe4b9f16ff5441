//! `include/pellucid.json`: the header for programs, such as generators of bindings.

use super::declarations::{Declaration, Kind, Part, declarations, header, is_nullable};
use std::path::Path;

/// A JSON value in one line.
fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            c if u32::from(c) < 0x20 => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}: {value}", string(name))).collect();
    format!("{{{}}}", members.join(", "))
}

fn array(elements: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", elements.into_iter().collect::<Vec<_>>().join(", "))
}

fn members(parts: &[Part]) -> String {
    array(parts.iter().map(|part| {
        object(&[("name", string(&part.name)), ("type", string(&part.what)), ("doc", string(&part.comment))])
    }))
}

fn parameters(parts: &[Part], comment: &str) -> String {
    array(parts.iter().map(|part| {
        object(&[
            ("name", string(&part.name)),
            ("type", string(&part.what)),
            ("nullable", is_nullable(part, comment).to_string()),
            ("out", part.name.starts_with("out_").to_string()),
        ])
    }))
}

/// The rest of the paragraph that starts with `label`, as one line.
fn paragraph(comment: &str, label: &str) -> String {
    let Some((_, rest)) = comment.split_once(&format!("\n{label}")) else { return string("") };
    let lines = rest.lines().enumerate();
    let lines = lines.take_while(|(place, line)| {
        *place == 0 || !line.is_empty() && !["Owns: ", "Context: ", "Since: "].iter().any(|tail| line.starts_with(tail))
    });
    string(lines.map(|(_, line)| line.trim()).collect::<Vec<_>>().join(" ").trim())
}

fn statuses(comment: &str) -> String {
    let (_, returns) = comment.split_once("\nReturns ").unwrap_or_default();
    let (returns, _) = returns.split_once("\n\n").unwrap_or_default();
    let names = returns.split('`').skip(1).step_by(2).filter(|name| name.starts_with("PELLUCID_"));
    let mut names: Vec<&str> =
        names.filter(|name| name.starts_with("PELLUCID_ERR_") || *name == "PELLUCID_OK").collect();
    names.dedup();
    array(names.into_iter().map(string))
}

fn describe(declaration: &Declaration) -> String {
    let Declaration { name, comment, kind } = declaration;
    let mut described = vec![("name", string(name))];
    match kind {
        Kind::Opaque => described.push(("kind", string("opaque"))),
        Kind::Integer(what) => described.extend([("kind", string("integer")), ("type", string(what))]),
        Kind::Struct(parts) => described.extend([("kind", string("struct")), ("members", members(parts))]),
        Kind::Union(parts) => described.extend([("kind", string("union")), ("members", members(parts))]),
        Kind::Enum(parts) => {
            let values = parts.iter().map(|part| {
                object(&[("name", string(&part.name)), ("value", part.what.clone()), ("doc", string(&part.comment))])
            });
            described.extend([("kind", string("enum")), ("values", array(values))]);
        }
        Kind::Callback(returns, parts) => described.extend([
            ("kind", string("callback")),
            ("returns", string(returns)),
            ("parameters", parameters(parts, comment)),
        ]),
        Kind::Function(returns, parts) => described.extend([
            ("kind", string("function")),
            ("returns", string(returns)),
            ("parameters", parameters(parts, comment)),
            ("statuses", statuses(comment)),
            ("owns", paragraph(comment, "Owns: ")),
            ("context", paragraph(comment, "Context: ")),
            ("since", paragraph(comment, "Since: ")),
        ]),
    }
    described.push(("doc", string(comment)));
    object(&described)
}

#[test]
fn the_description_for_bindings_is_up_to_date() {
    let declarations = declarations(&header());
    let lines: Vec<String> = declarations.iter().map(|declaration| format!("  {}", describe(declaration))).collect();
    let version = string(env!("CARGO_PKG_VERSION"));
    let json = format!("{{\"version\": {version}, \"declarations\": [\n{}\n]}}\n", lines.join(",\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/pellucid.json");
    if std::env::var_os("PELLUCID_BLESS").is_some() {
        std::fs::write(&path, &json).expect("include/ can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("include/pellucid.json is committed");
    assert!(committed == json, "include/pellucid.json is out of date: run with PELLUCID_BLESS=1");
}
