//! Every function of the header, misused: writes what `main.c` needs to call each function with each of its arguments spoilt.
//!
//! A new function gets its rows from the types of its parameters, which are in `TYPES`, and needs a line in `arguments.txt` only if the
//! arguments that its types have there don't fit it.

use super::declarations::{Declaration, Kind, Part, declarations, functions, header, is_nullable};
use std::collections::HashMap;
use std::fmt::Write;

/// What a type of parameter is, by its name without `const` and one `*`: how it is spoilt (an enumerator of `main.c`), and an argument
/// that is good. `w` is the world that all arguments come from.
const TYPES: &[(&str, &str, &str)] = &[
    // Objects.
    ("pellucid_call_t *", "OBJECT", "w->paused"),
    ("pellucid_caller_t *", "OBJECT", "w->caller"),
    ("pellucid_config_t *", "OBJECT", "w->config"),
    ("pellucid_edit_t *", "OBJECT", "w->edit"),
    ("pellucid_engine_t *", "OBJECT", "w->engine"),
    ("pellucid_error_t *", "OBJECT", "w->error"),
    ("pellucid_event_t *", "OBJECT", "w->event"),
    ("pellucid_externtype_t *", "OBJECT", "w->externtypes[0]"),
    ("pellucid_functype_t *", "OBJECT", "w->functype"),
    ("pellucid_interrupt_t *", "OBJECT", "w->interrupt"),
    ("pellucid_linker_t *", "OBJECT", "w->linker"),
    ("pellucid_module_t *", "OBJECT", "w->module"),
    ("pellucid_shared_memory_t *", "OBJECT", "w->shared"),
    ("pellucid_store_t *", "OBJECT", "w->store"),
    ("pellucid_wasi_config_t *", "OBJECT", "w->wasi_config"),
    ("pellucid_wasi_t *", "OBJECT", "w->wasi"),
    ("pellucid_wasi_threads_t *", "OBJECT", "w->wasi_threads"),
    // Handles of things in a store.
    ("pellucid_anyref_t *", "REFERENCE", "&w->anyref"),
    ("pellucid_exnref_t *", "REFERENCE", "&w->exnref"),
    ("pellucid_externref_t *", "REFERENCE", "&w->externref"),
    ("pellucid_func_t *", "HANDLE", "&w->func"),
    ("pellucid_global_t *", "HANDLE", "&w->global"),
    ("pellucid_instance_t *", "HANDLE", "&w->instance"),
    ("pellucid_memory_t *", "HANDLE", "&w->memory"),
    ("pellucid_table_t *", "HANDLE", "&w->table"),
    ("pellucid_tag_t *", "HANDLE", "&w->tag"),
    ("pellucid_weak_t *", "WEAK", "&w->weak"),
    ("pellucid_frame_t *", "FRAME", "&w->frame"),
    // Plain data.
    ("pellucid_awaited_file_t *", "DATA", "w->places"),
    ("pellucid_breakpoint_options_t *", "DATA", "&w->options"),
    ("pellucid_budget_t *", "DATA", "&w->budget"),
    ("pellucid_deftype_t *", "POINTERS", "&w->deftype"),
    ("pellucid_extern_t *", "DATA", "w->imports"),
    ("pellucid_globaltype_t *", "DATA", "&w->globaltype"),
    ("pellucid_kind_t *", "DATA", "w->kinds"),
    ("pellucid_memorytype_t *", "DATA", "&w->memorytype"),
    ("pellucid_raw_t *", "DATA", "w->raws"),
    ("pellucid_tabletype_t *", "DATA", "&w->tabletype"),
    ("pellucid_value_t *", "VALUE", "w->values"),
    ("char *", "STRING", "(void *)\"x\""),
    ("uint8_t *", "DATA", "w->bytes"),
    ("void *", "USERDATA", "w"),
    // Callbacks: whether there is one.
    ("pellucid_condition_cb_t", "CALLBACK", "1"),
    ("pellucid_core_dump_cb_t", "CALLBACK", "1"),
    ("pellucid_event_cb_t", "CALLBACK", "1"),
    ("pellucid_finalizer_t", "FINALIZER", "1"),
    ("pellucid_func_cb_t", "CALLBACK", "1"),
    ("pellucid_func_raw_cb_t", "CALLBACK", "1"),
    ("pellucid_log_cb_t", "CALLBACK", "1"),
    ("pellucid_log_point_cb_t", "CALLBACK", "1"),
    ("pellucid_serialize_cb_t", "CALLBACK", "1"),
    ("pellucid_wasi_read_cb_t", "CALLBACK", "1"),
    ("pellucid_wasi_run_cb_t", "CALLBACK", "1"),
    ("pellucid_wasi_thread_cb_t", "CALLBACK", "1"),
    ("pellucid_wasi_write_cb_t", "CALLBACK", "1"),
    // Numbers.
    ("bool", "NUMBER", "1"),
    ("int", "NUMBER", "0"),
    ("int32_t", "NUMBER", "0"),
    ("int64_t", "NUMBER", "1"),
    ("size_t", "NUMBER", "0"),
    ("uint32_t", "NUMBER", "0"),
    ("uint64_t", "NUMBER", "0"),
    ("pellucid_core_dump_options_t", "NUMBER", "0"),
    ("pellucid_event_kind_t", "NUMBER", "PELLUCID_EVENT_BREAKPOINT"),
    ("pellucid_interrupt_kind_t", "NUMBER", "PELLUCID_INTERRUPT_EVENT"),
    ("pellucid_kind_t", "NUMBER", "PELLUCID_I32"),
    ("pellucid_limit_t", "NUMBER", "PELLUCID_LIMIT_MEMORY_BYTES"),
    ("pellucid_log_level_t", "NUMBER", "PELLUCID_LOG_OFF"),
    ("pellucid_opt_level_t", "NUMBER", "PELLUCID_OPT_SPEED"),
    ("pellucid_resume_t", "NUMBER", "PELLUCID_RESUME_CONTINUE"),
    ("pellucid_space_t", "NUMBER", "PELLUCID_SPACE_FUNC"),
    ("pellucid_status_t", "NUMBER", "PELLUCID_ERR_TRAP"),
    ("pellucid_throw_t", "NUMBER", "PELLUCID_THROW_CAUGHT"),
    ("pellucid_trap_t", "NUMBER", "PELLUCID_TRAP_UNREACHABLE"),
    ("pellucid_type_id_t", "NUMBER", "w->point"),
    ("pellucid_watch_access_t", "NUMBER", "PELLUCID_WATCH_WRITE"),
    ("pellucid_wasi_source_t", "NUMBER", "PELLUCID_WASI_CAPTURE"),
    ("pellucid_wasi_stream_t", "NUMBER", "PELLUCID_WASI_STDOUT"),
];

/// Lines of `arguments.txt`: `function parameter = expression`, and `function -> STATUS` for what a call answers if nothing is spoilt.
struct Arguments<'a> {
    of: HashMap<(&'a str, &'a str), &'a str>,
    statuses: HashMap<&'a str, &'a str>,
}

fn arguments(text: &str) -> Arguments<'_> {
    let mut arguments = Arguments { of: HashMap::new(), statuses: HashMap::new() };
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((function, status)) = line.split_once(" -> ") {
            arguments.statuses.insert(function, status);
        } else {
            let (place, expression) = line.split_once(" = ").unwrap_or_else(|| panic!("arguments.txt: {line}"));
            let place = place.split_once(' ').unwrap_or_else(|| panic!("arguments.txt: {line}"));
            assert!(arguments.of.insert(place, expression).is_none(), "arguments.txt: {place:?} is there twice");
        }
    }
    arguments
}

/// The statuses that a comment names, and those of the functions that it refers to.
fn statuses<'a>(comment: &'a str, functions: &[(&str, &str, &[Part], &'a str)], found: &mut Vec<&'a str>) {
    let (_, returns) = comment.split_once("\nReturns ").unwrap_or_default();
    let (returns, _) = returns.split_once("\n\n").unwrap_or_default();
    for word in returns.split('`').skip(1).step_by(2) {
        if word.starts_with("PELLUCID_") && !found.contains(&word) {
            found.push(word);
        }
    }
    let mut before = "";
    for (place, word) in returns.split('`').enumerate() {
        let refers = ["as", "for", "what"].contains(&before.split_whitespace().last().unwrap_or_default());
        if place % 2 == 1
            && refers
            && let Some(other) = functions.iter().find(|other| other.0 == word)
        {
            statuses(other.3, functions, found);
        }
        before = word;
    }
}

/// Whether a parameter is the number of elements of the one before it.
fn is_count(parts: &[Part], place: usize) -> bool {
    let counts = ["n_", "cap_"].iter().any(|start| parts[place].name.starts_with(start));
    let before = place.checked_sub(1).map(|before| base(&parts[before].what));
    let is_array = before.is_some_and(|before| {
        let how = TYPES.iter().find(|(name, ..)| *name == before).map_or("", |(_, how, _)| how);
        let is_place = parts[place - 1].name.starts_with("out_");
        before.ends_with('*') && (is_place || !["OBJECT", "HANDLE", "REFERENCE", "WEAK", "USERDATA"].contains(&how))
            || is_place && ["HANDLE", "FRAME"].contains(&how)
    });
    parts[place].what == "size_t" && counts && is_array
}

fn base(what: &str) -> &str {
    what.strip_prefix("const ").unwrap_or(what)
}

/// The C that describes all functions.
pub fn rows(arguments_text: &str) -> String {
    let header = header();
    let declarations: Vec<Declaration> = declarations(&header);
    let functions = functions(&declarations);
    let known = arguments(arguments_text);
    for (function, parameter) in known.of.keys() {
        let is_there = functions
            .iter()
            .any(|(name, _, parts, _)| name == function && parts.iter().any(|part| part.name == *parameter));
        assert!(is_there, "tests/misused/arguments.txt: {function} has no `{parameter}`");
    }
    let opaque = |what: &str| declarations.iter().any(|one| matches!(one.kind, Kind::Opaque) && one.name == what);
    let sized = |what: &str| {
        declarations
            .iter()
            .any(|one| one.name == what && matches!(&one.kind, Kind::Struct(parts) if parts[0].name == "struct_size"))
    };
    let (mut calls, mut table) = (String::new(), String::new());
    for (name, returns, parts, comment) in &functions {
        let (mut fill, mut passed, mut parameters) = (String::new(), Vec::new(), String::new());
        for (place, part) in parts.iter().enumerate() {
            let what = base(&part.what);
            let is_nullable = is_nullable(part, comment);
            let pointee = what.strip_suffix('*').unwrap_or(what).trim();
            let is_place = part.name.starts_with("out_") && what.ends_with('*');
            let (how, good) = if is_place {
                let how = if part.name == "out_error" && is_nullable {
                    "OUT_ERROR"
                } else if sized(pointee) {
                    "OUT_SIZED"
                } else {
                    "OUT"
                };
                (how, "w->places")
            } else if is_count(parts, place) {
                ("COUNT", "1")
            } else {
                let found = TYPES.iter().find(|(name, ..)| *name == what);
                let (_, how, good) = found.unwrap_or_else(|| {
                    panic!(
                        "{name}: add the type of `{}`, `{what}`, to TYPES in tests/misused/mod.rs, with a good argument of it from the \
                        world in tests/misused/main.c, where a callback also needs a function `do_{what}`, and an object DELETES",
                        part.name
                    )
                });
                (*how, *good)
            };
            let expression = known.of.get(&(*name, &*part.name)).copied().unwrap_or(good);
            let is_pointer = what.ends_with('*');
            let member = if is_pointer { "p" } else { "n" };
            let cast = if is_pointer { "(void *)" } else { "(uint64_t)" };
            // Each place is for itself.
            let expression = match expression {
                "w->places" => format!("w->places + {place} * PLACE"),
                other => other.to_string(),
            };
            writeln!(fill, "    a[{place}].{member} = {cast}({expression});").expect("text");
            passed.push(match how {
                "CALLBACK" | "FINALIZER" => format!("a[{place}].n != 0 ? do_{what} : NULL"),
                _ if is_pointer => format!("a[{place}].p"),
                _ => format!("({what})a[{place}].n"),
            });
            let (size, align) = if !is_pointer {
                (format!("sizeof({what})"), "1".to_string())
            } else if opaque(pointee) || pointee == "void" {
                ("0".to_string(), "8".to_string())
            } else {
                (format!("sizeof({pointee})"), format!("_Alignof({pointee})"))
            };
            let owned = pointee.strip_suffix('*').map(str::trim).filter(|owned| is_place && opaque(owned));
            let owned = owned.filter(|_| !part.what.starts_with("const "));
            let owned = owned.map_or("NULL".to_string(), |owned| format!("delete_{owned}"));
            let has_count = place + 1 < parts.len() && is_count(parts, place + 1);
            writeln!(
                parameters,
                "        {{\"{}\", \"{pointee}\", {how}, {is_nullable}, {has_count}, {size}, {align}, {owned}}},",
                part.name
            )
            .expect("text");
        }
        let call = format!("{name}({})", passed.join(", "));
        let (kind, call) = match *returns {
            // The status that it answers is an error's.
            "pellucid_status_t" if *name != "pellucid_error_status" => ("STATUS_OF", format!("*status = {call};")),
            "void" => ("NOTHING", format!("{call};")),
            what if what.ends_with('*') => ("VALUE_OF", format!("*value = (uint64_t)(uintptr_t){call};")),
            _ => ("VALUE_OF", format!("*value = (uint64_t){call};")),
        };
        let mut documented = Vec::new();
        statuses(comment, &functions, &mut documented);
        let documented: Vec<&str> = documented
            .into_iter()
            .filter(|status| status.starts_with("PELLUCID_ERR_") || ["PELLUCID_OK", "PELLUCID_YIELD"].contains(status))
            .collect();
        assert!(
            kind != "STATUS_OF" || ["PELLUCID_OK", "PELLUCID_YIELD"].iter().any(|status| documented.contains(status)),
            "{name} doesn't say that it returns `PELLUCID_OK`"
        );
        // What a getter answers for NULL.
        let none = comment.split_once("` is NULL").and_then(|(before, _)| before.rsplit_once(" if `"));
        let none = none.and_then(|(before, _)| before.split_whitespace().last()).unwrap_or_default().replace(',', "");
        let none: u64 = none.parse().unwrap_or(0);
        let bits: Vec<String> = documented.iter().map(|status| format!("BIT({status})")).collect();
        let bits = if bits.is_empty() { "0".to_string() } else { bits.join(" | ") };
        let good = known.statuses.get(name).map_or("PELLUCID_OK".to_string(), |status| format!("PELLUCID_{status}"));
        writeln!(
            calls,
            "static void fill_{name}(struct world *w, union slot *a) {{\n    (void)w, (void)a;\n{fill}}}\n\n\
            static void call_{name}(union slot *a, pellucid_status_t *status, uint64_t *value) {{\n    \
            (void)a, (void)status, (void)value;\n    {call}\n}}\n"
        )
        .expect("text");
        if parts.is_empty() {
            parameters.push_str("        {0},\n");
        }
        writeln!(
            table,
            "    {{\"{name}\", {kind}, fill_{name}, call_{name}, {bits}, {good}, {none}, {}, {{\n{parameters}    }}}},",
            parts.len()
        )
        .expect("text");
    }
    format!("{calls}static const struct function FUNCTIONS[] = {{\n{table}}};\n")
}
