//! Log points: breakpoints and watchpoints with a text, which is handed to the host instead of an event; the guest goes on.
//!
//! In the text `{expression}` stands for what an [expression](super::expression) is in the frame, `{{` and `}}` for braces. Invariant: whatever
//! is wrong with an expression in a frame shows in the text, and nothing stops for it. Read next: `options.rs`, which decides what counts.

use super::event::EventKind;
use super::expression::ExpressionText;
use super::session::Session;
use super::view::View;
use super::{Debuggee, Frame};
use crate::base::{DefinedFuncIndex, Result, error::bail, memory};
use crate::runtime::{Module, Store};
use std::fmt::Write;
use std::rc::Rc;

/// How long a text may be, in bytes.
pub const MOST_LOG_TEXT: usize = 4096;

/// Is handed the text of a log point that the guest has reached, with the frame and the breakpoint.
pub type LogPointHandler = Box<dyn Fn(&Debuggee, &Frame, u64, &str)>;

/// A text with expressions in it.
pub(super) struct LogText(Box<[Part]>);

enum Part {
    Text(Box<str>),
    Value(Box<str>, ExpressionText),
}

impl LogText {
    /// A text for frames of this function only or, without one, of any.
    ///
    /// Errors: `InvalidArgument` if it is too long, for a brace that stands alone, and for what is no expression, see [`ExpressionText::new`].
    pub(super) fn new(text: &str, function: Option<&(Module, DefinedFuncIndex)>) -> Result<LogText> {
        if text.len() > MOST_LOG_TEXT {
            bail!(InvalidArgument, "the text has {} bytes, more than {MOST_LOG_TEXT}", text.len());
        }
        let (mut parts, mut plain, mut at) = (Vec::new(), String::new(), 0);
        while let Some(brace) = text[at..].find(['{', '}']).map(|place| at + place) {
            plain.push_str(&text[at..brace]);
            let rest = &text[brace..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                plain.push_str(&rest[..1]);
                at = brace + 2;
                continue;
            }
            let Some(end) = rest.find('}').filter(|end| *end != 0) else {
                bail!(InvalidArgument, "the text has a brace at {} that stands alone", brace + 1);
            };
            let source = &rest[1..end];
            let expression = ExpressionText::new(source, function.cloned()).map_err(|error| {
                let message = format!("between the braces at {}: {}", brace + 1, error.message());
                error.with_message(message)
            })?;
            parts.push(Part::Text(std::mem::take(&mut plain).into()));
            parts.push(Part::Value(source.into(), expression));
            at = brace + end + 1;
        }
        plain.push_str(&text[at..]);
        parts.push(Part::Text(plain.into()));
        Ok(LogText(parts.into()))
    }

    /// As it is in a frame.
    fn in_frame(&self, view: Option<&View<'_>>, store: &Store) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(source, expression) => {
                    let told = view.is_some_and(|view| expression.tell(view, store, &mut text));
                    if !told {
                        write!(text, "{{{source}: not known here}}").expect("text");
                    }
                }
            }
        }
        text
    }
}

impl Debuggee {
    /// Has the texts of log points handed to this from now on, or logged if there is none.
    pub fn set_log_point_handler(&self, handler: Option<LogPointHandler>) -> Result<()> {
        self.check_debug()?;
        // The old handler may do anything when it is dropped, so not while the cell is borrowed.
        let old = self.log_points.replace(handler.map(Rc::new));
        drop(old);
        Ok(())
    }
}

impl Session<'_> {
    /// Hands the host the text of a log point that was reached and counts.
    pub(super) fn log(&self, kind: EventKind, id: u64, text: &LogText) {
        if memory::ask_for_several().is_err() {
            log::warn!("breakpoint {id} has no memory for its text");
            return;
        }
        let text = {
            let (store, cache) = (self.debuggee.store(), &self.debuggee.cache);
            let mut look = self.stopped_call.look();
            text.in_frame(look.frame(store, cache, 0).as_ref(), store)
        };
        let handler = self.debuggee.log_points.borrow().clone();
        match handler {
            Some(handler) => self.let_host_look(kind, |frame| handler(self.debuggee, frame, id, &text)),
            None => log::info!("{text}"),
        }
    }
}
