//! Reads the declarations of `include/pellucid.h`. It understands the C that cbindgen writes there, not C.

/// A member, parameter or enumerator.
pub struct Part {
    pub name: String,
    /// Its C type, or an enumerator's value.
    pub what: String,
    pub comment: String,
}

/// What a declaration declares.
pub enum Kind {
    /// An opaque object.
    Opaque,
    /// Another name for this integer type.
    Integer(String),
    /// Members.
    Struct(Vec<Part>),
    /// Members.
    Union(Vec<Part>),
    /// Enumerators.
    Enum(Vec<Part>),
    /// A pointer to a function: what it returns, and its parameters.
    Callback(String, Vec<Part>),
    /// A function: what it returns, and its parameters.
    Function(String, Vec<Part>),
}

/// A declaration with its comment.
pub struct Declaration {
    pub name: String,
    pub comment: String,
    pub kind: Kind,
}

/// The text of the committed header.
pub fn header() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("include/pellucid.h");
    std::fs::read_to_string(path).expect("include/pellucid.h is committed")
}

/// All declarations of the header, in order.
pub fn declarations(header: &str) -> Vec<Declaration> {
    let mut declarations = Vec::new();
    let mut comment = String::new();
    // What stands before the first section, and in banners, isn't declared.
    let mut lines = header.lines().skip_while(|line| *line != "extern \"C\" {").skip(2);
    while let Some(line) = lines.next() {
        if line.starts_with("/*") {
            let text = read_comment(line, &mut lines);
            comment = if line.starts_with("/**") { text } else { String::new() };
        } else if !line.is_empty() && !line.starts_with(['#', '}']) {
            let comment = std::mem::take(&mut comment);
            declarations.push(read(line.to_string(), comment, &mut lines));
        }
    }
    declarations
}

/// Those of the declarations that are functions: name, what it returns, parameters, comment.
pub fn functions(declarations: &[Declaration]) -> Vec<(&str, &str, &[Part], &str)> {
    let functions = declarations.iter().filter_map(|declaration| match &declaration.kind {
        Kind::Function(returns, parameters) => {
            Some((&*declaration.name, &**returns, &**parameters, &*declaration.comment))
        }
        _ => None,
    });
    functions.collect()
}

/// What the list in a comment says of a parameter, which may share its line with others.
fn explanation<'a>(comment: &'a str, name: &str) -> &'a str {
    let list = comment.split("\n\n").find(|paragraph| paragraph.starts_with("- ")).unwrap_or_default();
    let items = list[2.min(list.len())..].split("\n- ");
    let mut items = items.filter_map(|item| item.split_once(": "));
    items.find(|(names, _)| names.contains(&format!("`{name}`"))).map_or("", |(_, text)| text)
}

/// Whether a parameter may be NULL, as the comment of its function says.
pub fn is_nullable(part: &Part, comment: &str) -> bool {
    let is_callback = part.what.ends_with("_cb_t") || part.what == "pellucid_finalizer_t";
    let text = explanation(comment, &part.name).to_lowercase();
    (is_callback || part.what.ends_with('*')) && (text.contains("may be null") || text.contains("null is fine"))
}

fn read_comment<'a>(first: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    if let Some((text, _)) = first.split_once("*/") {
        return text.trim().trim_start_matches("/**").trim().to_string();
    }
    let text = lines.take_while(|line| !line.trim_end().ends_with("*/"));
    let text: Vec<&str> = text.map(|line| line.trim().trim_start_matches('*')).collect();
    let text: Vec<&str> = text.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    text.join("\n")
}

fn read<'a>(mut text: String, comment: String, lines: &mut impl Iterator<Item = &'a str>) -> Declaration {
    if text.ends_with('{') {
        return read_block(&text, comment, lines);
    }
    while !text.ends_with(';') {
        text = format!("{text} {}", lines.next().expect("a declaration ends").trim());
    }
    let text = text.trim_end_matches(';');
    let (name, kind) = if let Some(rest) = text.strip_prefix("typedef struct ") {
        (rest.split(' ').next().expect("it has a name").to_string(), Kind::Opaque)
    } else if let Some((returns, rest)) = text.strip_prefix("typedef ").and_then(|text| text.split_once(" (*")) {
        let (name, parameters) = rest.split_once(")(").expect("it has parameters");
        (name.to_string(), Kind::Callback(returns.to_string(), parameters_of(parameters)))
    } else if let Some(rest) = text.strip_prefix("typedef ") {
        let (what, name) = rest.split_once(' ').expect("it has a name");
        (name.to_string(), Kind::Integer(what.to_string()))
    } else {
        let (head, parameters) = text.split_once('(').expect("only functions are left");
        let head = part(head, String::new());
        (head.name, Kind::Function(head.what, parameters_of(parameters)))
    };
    Declaration { name, comment, kind }
}

fn read_block<'a>(first: &str, comment: String, lines: &mut impl Iterator<Item = &'a str>) -> Declaration {
    let mut parts = Vec::new();
    let mut of_part = String::new();
    let last = loop {
        let line = lines.next().expect("a block ends").trim();
        if line.starts_with('}') {
            break line;
        } else if line.starts_with("/*") {
            of_part = read_comment(line, lines);
        } else if let Some((name, value)) = line.trim_end_matches(',').split_once(" = ") {
            let (name, what) = (name.to_string(), value.to_string());
            parts.push(Part { name, what, comment: std::mem::take(&mut of_part) });
        } else {
            parts.push(part(line.trim_end_matches(';'), std::mem::take(&mut of_part)));
        }
    };
    let kind = match first.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["enum", _] => Kind::Enum(parts),
        ["typedef", "union"] => Kind::Union(parts),
        _ => Kind::Struct(parts),
    };
    let name = match &kind {
        Kind::Enum(_) => first.split(' ').nth(1).expect("it has a name"),
        _ => last.trim_start_matches("} ").trim_end_matches(';'),
    };
    Declaration { name: name.to_string(), comment, kind }
}

fn parameters_of(list: &str) -> Vec<Part> {
    let list = list.trim_end_matches(')');
    list.split(',').map(str::trim).filter(|one| *one != "void").map(|one| part(one, String::new())).collect()
}

/// Splits `const char *name` and `uint8_t name[16]`.
fn part(text: &str, comment: String) -> Part {
    let (text, array) = text.split_once('[').map_or((text, String::new()), |(text, array)| (text, format!("[{array}")));
    let place = text.rfind([' ', '*']).expect("a type and a name") + 1;
    Part { name: text[place..].to_string(), what: text[..place].trim().to_string() + &array, comment }
}
