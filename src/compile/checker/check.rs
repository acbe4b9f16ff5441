//! The abstract run over a function.

use super::facts::Facts;
use super::state::{Half, Held, State};
use super::symbols::{Symbol, Symbols};
use crate::abi::frame_table::{MAX_OPERATORS, Place, decode_state};
use crate::abi::homes::{Homes, words};
use crate::abi::operators::{is_reproducible, numeric_operand, numeric_operands};
use crate::base::{DefinedFuncIndex, Error, ErrorKind, FuncIndex, Result, TagIndex, TypeIndex, ValType, WasmPc};
use crate::compile::model::{Cursor, Effect, Moment, Plan};
use crate::wasm::ModuleInfo;
use crate::wasm::parse::invalid;
use crate::wasm::stack_effect::{block_type, catch_clauses, constant, stack_effect};
use std::collections::HashSet;
use std::ops::Range;
use wasmparser::{BrTable, Operator};

/// Checks the plan of a function that was validated.
///
/// Errors: [`ErrorKind::Panic`] if the plan isn't right: the model made a mistake.
pub(in crate::compile) fn check(info: &ModuleInfo, function: DefinedFuncIndex, plan: &Plan) -> Result<()> {
    if !plan.is_complete {
        // Nothing will be compiled.
        return Ok(());
    }
    let homes = Homes::new(&info.top_local_types(function));
    let facts = Facts::new(info, function, plan, &homes)?;
    let mut given_up = HashSet::new();
    loop {
        let known = given_up.len();
        let mut check = Check::new(info, function, plan, &homes, &facts, &mut given_up);
        let found = check.run();
        if let Err(Fault(what)) = found {
            let index = info.func_index(function).as_u32();
            let message = format!("function {index} at {:#x}: the state model is wrong: {what}", check.pc.0);
            return Err(Error::new(ErrorKind::Panic, message));
        }
        if given_up.len() == known {
            return Ok(());
        }
    }
}

/// What is wrong with a plan.
#[derive(Debug)]
struct Fault(String);

type Checked<T = ()> = std::result::Result<T, Fault>;

fn fault<T>(what: impl Into<String>) -> Checked<T> {
    Err(Fault(what.into()))
}

struct Check<'a> {
    info: &'a ModuleInfo,
    function: DefinedFuncIndex,
    plan: &'a Plan,
    homes: &'a Homes,
    facts: &'a Facts,
    /// Assumptions that failed: the loop and the word.
    given_up: &'a mut HashSet<(WasmPc, u32)>,
    cursor: Cursor,
    symbols: Symbols,
    types: Vec<ValType>,
    state: State,
    control: Vec<Frame>,
    is_reachable: bool,
    dead_depth: u32,
    pc: WasmPc,
    /// A run starts here.
    is_stop_due: bool,
    /// The slot was changed inside a run, and nothing has described it since.
    is_changed: bool,
    stops: usize,
    checkpoints: usize,
    /// In the exact form: what the machine code has, besides the slot, if it was entered at the last stop point.
    brought: Brought,
}

/// Locals and operands whose values the machine code has got since a stop point.
#[derive(Clone, Default)]
struct Brought {
    locals: HashSet<u32>,
    /// All operands from this one on.
    operands: usize,
}

struct Frame {
    kind: Kind,
    params: Vec<ValType>,
    results: Vec<ValType>,
    height: usize,
    /// What the ways to its `end` have in common, once there is one.
    end: Option<State>,
}

enum Kind {
    Function,
    Block,
    Loop { pc: WasmPc, assumed: Vec<(u32, Subject, Half)> },
    If { otherwise: Box<(State, Brought)> },
    Else,
    Try(Box<Try>),
    LegacyTry(Box<LegacyTry>),
}

/// A `try_table`.
#[derive(Default)]
struct Try {
    /// What each clause gives to its label, and that label's place in the control stack.
    ways: Vec<(Vec<ValType>, usize)>,
    catches_all: bool,
    /// What all calls in it that may throw have in common, once there is one.
    thrown: Option<State>,
}

/// A `try`.
#[derive(Default)]
struct LegacyTry {
    /// Whether a clause has come.
    is_caught: bool,
    catches_all: bool,
    /// What all calls before the first clause that may throw have in common, once there is one.
    thrown: Option<State>,
}

/// What has its home in a word.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Local(u32),
    /// Counted from the bottom, where a label finds it.
    Operand(usize),
}

impl<'a> Check<'a> {
    fn new(
        info: &'a ModuleInfo,
        function: DefinedFuncIndex,
        plan: &'a Plan,
        homes: &'a Homes,
        facts: &'a Facts,
        given_up: &'a mut HashSet<(WasmPc, u32)>,
    ) -> Check<'a> {
        let types = info.top_local_types(function);
        let ty = info.signature(info.func_index(function));
        let mut symbols = Symbols::default();
        let locals = types.iter().enumerate().map(|(local, ty_of)| {
            if local < ty.params.len() { symbols.new_one(*ty_of) } else { symbols.constant(*ty_of, 0) }
        });
        let state = State { locals: locals.collect(), operands: Vec::new(), words: vec![None; plan.words as usize] };
        let frame =
            Frame { kind: Kind::Function, params: Vec::new(), results: ty.results.to_vec(), height: 0, end: None };
        Check {
            info,
            function,
            plan,
            homes,
            facts,
            given_up,
            cursor: Cursor::default(),
            symbols,
            types,
            state,
            control: vec![frame],
            is_reachable: true,
            dead_depth: 0,
            pc: info.bodies[function].operators,
            is_stop_due: true,
            is_changed: false,
            stops: 0,
            checkpoints: 0,
            brought: Brought::default(),
        }
    }

    fn run(&mut self) -> Checked {
        self.effects(Moment::Entry)?;
        let body = self.info.body(self.function);
        let reader = body.get_operators_reader().map_err(|error| Fault(invalid(&error).to_string()))?;
        for operator in reader.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(|error| Fault(invalid(&error).to_string()))?;
            self.pc = WasmPc(offset as u32);
            if self.is_reachable {
                self.before_operator()?;
            } else if !self.revives(&operator) {
                continue;
            } else if self.plan.is_exact && self.control.len() == 1 {
                self.open_end()?;
                self.before_operator()?;
            }
            self.operator(&operator)?;
            self.is_stop_due |= self.plan.is_exact || self.info.ends_run(&operator);
        }
        if !self.cursor.is_at_end(&self.plan.effects) {
            return fault("there are effects at moments that never come");
        }
        if (self.stops, self.checkpoints) != (self.plan.stops.len(), self.plan.checkpoints.len()) {
            return fault("there are stop points or checkpoints that nothing gets to");
        }
        Ok(())
    }

    /// Whoever enters the exact form at the function's end brings the results, in their homes.
    fn open_end(&mut self) -> Checked {
        self.state.operands.clear();
        let mut homes = self.homes.operands();
        for ty in self.control[0].results.clone() {
            self.push_new(ty);
            let symbol = *self.state.operands.last().expect("just pushed");
            let home = homes.take(ty);
            self.store(home..home + words(ty), symbol)?;
        }
        (self.is_reachable, self.is_stop_due, self.is_changed) = (true, true, false);
        Ok(())
    }

    fn before_operator(&mut self) -> Checked {
        let (stops, checkpoints) = (self.stops, self.checkpoints);
        self.effects(Moment::Before)?;
        if self.is_stop_due && self.stops == stops {
            return fault("a run starts here without a stop point");
        }
        if self.is_changed && self.stops == stops && self.checkpoints == checkpoints {
            return fault("the slot was changed inside a run and isn't described again");
        }
        (self.is_stop_due, self.is_changed) = (false, false);
        Ok(())
    }

    /// Runs the effects of this moment; answers whether one changed the slot.
    fn effects(&mut self, moment: Moment) -> Checked<bool> {
        let mut changes = false;
        for effect in self.cursor.take(&self.plan.effects, self.pc, moment) {
            changes |= effect.stored(self.homes).is_some();
            self.effect(*effect)?;
        }
        Ok(changes)
    }

    fn effect(&mut self, effect: Effect) -> Checked {
        match effect {
            Effect::StoreLocal { local } => {
                if self.stops != 0 && !self.brought(self.brought.locals.contains(&local)) {
                    return fault(format!(
                        "local {local} is stored, which whoever enters behind the stop point doesn't have"
                    ));
                }
                self.store(self.homes.locals(local, 1), self.state.locals[local as usize])
            }
            Effect::StoreOperand { words, operand, word } => {
                if !self.brought(operand as usize >= self.brought.operands) {
                    return fault(format!("operand {operand} is stored, which whoever enters doesn't have"));
                }
                let Some(symbol) = self.state.operands.get(operand as usize).copied() else {
                    return fault(format!("operand {operand} is stored and isn't there"));
                };
                self.store(word..word + u32::from(words), symbol)
            }
            Effect::ZeroLocals { first, count } => {
                for local in first..first + count {
                    let zero = self.symbols.constant(self.types[local as usize], 0);
                    self.store(self.homes.locals(local, 1), zero)?;
                }
                Ok(())
            }
            Effect::ReloadOperand { operand, word } => match self.state.operands.get(operand as usize) {
                Some(symbol) if self.held(word, self.symbols.ty(*symbol)) == Some(*symbol) => {
                    self.brought.operands = self.brought.operands.min(operand as usize);
                    Ok(())
                }
                _ => fault(format!("operand {operand} is read back from word {word}, which doesn't hold it")),
            },
            Effect::ReloadLocal { local } | Effect::ReadHome { local } => {
                let ty = self.types[local as usize];
                if self.held(self.homes.local(local), ty) == Some(self.state.locals[local as usize]) {
                    return Ok(());
                }
                fault(format!("local {local} is read from its home, which doesn't hold it"))
            }
            Effect::Stop { number } => {
                let place = self.stops;
                self.stops += 1;
                match self.plan.stops.get(number as usize) {
                    Some((pc, state)) if *pc == self.pc && number as usize == place => {
                        self.described(*state)?;
                        if self.plan.is_exact { self.enter(*state) } else { Ok(()) }
                    }
                    _ => fault("the stop point's number is another one's"),
                }
            }
            Effect::Checkpoint { number } => {
                let place = self.checkpoints;
                self.checkpoints += 1;
                match self.plan.checkpoints.get(number as usize) {
                    Some(found) if found.pc == self.pc && number as usize == place => self.described(found.state),
                    _ => fault("the checkpoint's number is another one's"),
                }
            }
            Effect::Call { state } => self.described(state),
        }
    }

    /// Whether the machine code has a value that it got, or didn't, since the last stop point: the exact form may have been
    /// entered there.
    fn brought(&self, is_brought: bool) -> bool {
        is_brought || !self.plan.is_exact
    }

    /// The function may be entered behind a stop point with this state: then everything is in its home, and nowhere else.
    fn enter(&mut self, state: u32) -> Checked {
        let described = decode_state(&self.plan.pool, self.plan.locals, &self.plan.zeros, state);
        let mut places = described.locals.iter().chain(described.operands.iter().map(|(_, place)| place));
        if !places.all(|place| *place == Place::Home) {
            return fault("something isn't in its home, where whoever enters puts it");
        }
        let mut homes = vec![false; self.state.words.len()];
        for local in 0..self.plan.locals {
            self.homes.locals(local, 1).for_each(|word| homes[word as usize] = true);
        }
        let operands = self.operand_homes();
        let beyond = *operands.last().expect("there is one for the next operand");
        homes[operands[0] as usize..beyond as usize].fill(true);
        for (word, is_home) in self.state.words.iter_mut().zip(homes) {
            if !is_home {
                *word = None;
            }
        }
        self.brought = Brought { locals: HashSet::new(), operands: self.state.operands.len() };
        Ok(())
    }

    /// Stores as much of a value as fits into these words, from its lower end.
    fn store(&mut self, to: Range<u32>, symbol: Symbol) -> Checked {
        if to.len() as u32 > words(self.symbols.ty(symbol)) {
            return fault(format!("a value is stored into words {to:?}, which are too many for its type"));
        }
        for (word, half) in to.zip(Half::ALL) {
            match self.state.words.get_mut(word as usize) {
                Some(content) => *content = Some(Held { symbol, half }),
                None => return fault(format!("the slot has no word {word}")),
            }
        }
        Ok(())
    }

    /// The symbol that whoever reads a value of this type from a word on finds, in whole.
    fn held(&self, word: u32, ty: ValType) -> Option<Symbol> {
        let held = self.state.words.get(word as usize).copied().flatten()?;
        let whole = (word..word + words(ty))
            .zip(Half::ALL)
            .all(|(word, half)| self.state.words.get(word as usize).copied().flatten() == Some(Held { half, ..held }));
        (whole && self.symbols.ty(held.symbol) == ty).then_some(held.symbol)
    }

    /// Checks that the encoded state at `offset` is the state here.
    fn described(&mut self, offset: u32) -> Checked {
        let described = decode_state(&self.plan.pool, self.plan.locals, &self.plan.zeros, offset);
        if described.operands.len() != self.state.operands.len() {
            return fault(format!("{} operands are described", described.operands.len()));
        }
        for (place, local) in described.locals.iter().zip(0..) {
            let symbol = self.state.locals[local as usize];
            if self.symbol_at(place, Some(self.homes.local(local)), self.symbols.ty(symbol)) != Some(symbol) {
                return fault(format!("local {local} isn't {place:?}"));
            }
        }
        let mut homes = self.homes.operands();
        for ((ty, place), operand) in described.operands.iter().zip(0..) {
            let symbol = self.state.operands[operand as usize];
            let home = Some(homes.take(self.symbols.ty(symbol)));
            if *ty != self.symbols.ty(symbol) || self.symbol_at(place, home, *ty) != Some(symbol) {
                return fault(format!("operand {operand} isn't {place:?} of type {ty}"));
            }
        }
        Ok(())
    }

    /// The symbol that whoever reads this place finds.
    fn symbol_at(&mut self, place: &Place, home: Option<u32>, ty: ValType) -> Option<Symbol> {
        if operators(place) > MAX_OPERATORS {
            return None;
        }
        self.symbol_in(place, home, ty)
    }

    fn symbol_in(&mut self, place: &Place, home: Option<u32>, ty: ValType) -> Option<Symbol> {
        let symbol = match place {
            Place::Home => self.held(home?, ty)?,
            Place::Word(word) => self.held(*word, ty)?,
            Place::Const(bits) => self.symbols.constant(ty, *bits),
            Place::Computed { opcode, operands } => {
                let of = numeric_operand(*opcode).filter(|_| is_reproducible(*opcode))?;
                let first = self.symbol_in(operands.first()?, None, of)?;
                let second = match operands.get(1) {
                    Some(second) => self.symbol_in(second, None, of)?,
                    None => first,
                };
                self.symbols.numeric(*opcode, [first, second])
            }
        };
        (self.symbols.ty(symbol) == ty).then_some(symbol)
    }

    fn push_new(&mut self, ty: ValType) {
        let symbol = self.symbols.new_one(ty);
        self.state.operands.push(symbol);
    }

    /// Takes an operand away without looking at it.
    fn pop(&mut self) -> Symbol {
        self.state.operands.pop().expect("validated")
    }

    fn take(&mut self) -> Checked<Symbol> {
        self.takes(1)?;
        Ok(self.pop())
    }

    /// The top operands are looked at.
    fn takes(&self, count: usize) -> Checked {
        if !self.brought(self.state.operands.len() - count >= self.brought.operands) {
            return fault("an operand is taken that whoever enters behind the stop point doesn't have");
        }
        Ok(())
    }

    fn revives(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => {
                self.dead_depth += 1;
                false
            }
            Operator::Else | Operator::Catch { .. } | Operator::CatchAll => self.dead_depth == 0,
            Operator::End | Operator::Delegate { .. } if self.dead_depth > 0 => {
                self.dead_depth -= 1;
                false
            }
            Operator::End | Operator::Delegate { .. } => true,
            _ => false,
        }
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Checked {
        match *operator {
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                self.take()?;
                self.take()?;
                let ty = self.take()?;
                self.push_new(self.symbols.ty(ty));
            }
            Operator::LocalGet { local_index } => {
                let before = self.cursor.clone();
                self.effects(Moment::Read)?;
                let is_read_back = before.is_before(&self.cursor);
                if !self.brought(is_read_back || self.brought.locals.contains(&local_index)) {
                    return fault(format!("local {local_index} is read, which whoever enters doesn't have"));
                }
                self.state.operands.push(self.state.locals[local_index as usize]);
            }
            Operator::LocalSet { local_index } => {
                self.state.locals[local_index as usize] = self.take()?;
                self.brought.locals.insert(local_index);
            }
            Operator::LocalTee { local_index } => {
                self.brought.locals.insert(local_index);
                self.state.locals[local_index as usize] = *self.state.operands.last().expect("validated");
            }
            Operator::Block { blockty } => {
                self.is_changed |= self.effects(Moment::Branch)?;
                self.open(Kind::Block, blockty)?;
            }
            Operator::Loop { blockty } => self.open_loop(blockty)?,
            Operator::If { blockty } => {
                self.take()?;
                self.is_changed |= self.effects(Moment::Branch)?;
                let otherwise = Box::new((self.state.clone(), self.brought.clone()));
                self.open(Kind::If { otherwise }, blockty)?;
            }
            Operator::Else => {
                if self.is_reachable {
                    self.branch_to(self.control.len() - 1, Moment::Branch)?;
                }
                self.enter_otherwise();
            }
            Operator::End => self.end()?,
            Operator::Br { relative_depth } => {
                self.branch_to(self.depth(relative_depth), Moment::Branch)?;
                self.is_reachable = false;
            }
            Operator::BrIf { relative_depth } => {
                self.take()?;
                self.branch_if(relative_depth)?;
            }
            Operator::BrOnNull { relative_depth } => {
                let reference = self.take()?;
                self.branch_if(relative_depth)?;
                self.state.operands.push(reference);
            }
            Operator::BrOnNonNull { relative_depth } => {
                self.takes(1)?;
                self.branch_if(relative_depth)?;
                self.pop();
            }
            Operator::BrOnCast { relative_depth, .. } | Operator::BrOnCastFail { relative_depth, .. } => {
                self.takes(1)?;
                self.branch_if(relative_depth)?;
            }
            Operator::RefAsNonNull | Operator::RefCastNonNull { .. } | Operator::RefCastNullable { .. } => {
                let reference = self.take()?;
                self.state.operands.push(reference);
            }
            Operator::BrTable { ref targets } => self.branch_table(targets)?,
            Operator::TryTable { ref try_table } => {
                self.is_changed |= self.effects(Moment::Branch)?;
                let clauses = catch_clauses(try_table);
                let catches_all = clauses.last().is_some_and(|clause| clause.tag.is_none());
                let ways = clauses.iter().map(|clause| (clause.gives(self.info), self.depth(clause.label))).collect();
                self.open(Kind::Try(Box::new(Try { ways, catches_all, thrown: None })), try_table.ty)?;
            }
            Operator::Try { blockty } => {
                self.is_changed |= self.effects(Moment::Branch)?;
                self.open(Kind::LegacyTry(Box::default()), blockty)?;
            }
            Operator::Catch { tag_index } => self.catch(Some(TagIndex::from_u32(tag_index)))?,
            Operator::CatchAll => self.catch(None)?,
            Operator::Delegate { relative_depth } => self.delegate(relative_depth)?,
            Operator::Rethrow { relative_depth } => {
                let kept = self.control[self.depth(relative_depth)].height;
                self.takes(self.state.operands.len() - kept)?;
                self.may_throw();
                self.is_reachable = false;
            }
            Operator::ThrowRef => {
                self.take()?;
                self.may_throw();
                self.is_reachable = false;
            }
            Operator::Throw { tag_index } => {
                let carried = self.info.tag_signature(TagIndex::from_u32(tag_index)).params.len();
                self.takes(carried)?;
                self.state.operands.truncate(self.state.operands.len() - carried);
                self.may_throw();
                self.is_reachable = false;
            }
            Operator::Return | Operator::Unreachable => self.is_reachable = false,
            Operator::Call { function_index } => self.call(self.info.funcs[FuncIndex::from_u32(function_index)])?,
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                self.take()?;
                self.call(TypeIndex::from_u32(type_index))?;
            }
            Operator::ReturnCall { function_index } => {
                self.tail_call(self.info.funcs[FuncIndex::from_u32(function_index)])?;
            }
            Operator::ReturnCallIndirect { type_index, .. } | Operator::ReturnCallRef { type_index } => {
                self.take()?;
                self.tail_call(TypeIndex::from_u32(type_index))?;
            }
            _ => self.other(operator)?,
        }
        Ok(())
    }

    fn other(&mut self, operator: &Operator<'_>) -> Checked {
        let opcode = self.info.bytes[self.pc.0 as usize];
        let Some(effect) = stack_effect(self.info, operator, opcode) else {
            return fault("an operator that isn't known");
        };
        self.takes(effect.pops as usize)?;
        let taken = self.state.operands.len() - effect.pops as usize;
        let operands = self.state.operands.split_off(taken);
        let Some(ty) = effect.pushes else { return Ok(()) };
        let symbol = if let Some(bits) = constant(self.info, operator) {
            self.symbols.constant(ty, bits)
        } else if numeric_operands(opcode).is_some() {
            self.symbols.numeric(opcode, [operands[0], *operands.last().expect("one or two")])
        } else {
            self.symbols.new_one(ty)
        };
        self.state.operands.push(symbol);
        if effect.pushes_two {
            self.push_new(ty);
        }
        Ok(())
    }

    fn call(&mut self, ty: TypeIndex) -> Checked {
        let ty = &self.info.signatures[ty];
        self.takes(ty.params.len())?;
        self.state.operands.truncate(self.state.operands.len() - ty.params.len());
        let before = self.cursor.clone();
        self.effects(Moment::Call)?;
        let described = before.clone().take(&self.plan.effects, self.pc, Moment::Call);
        let last = described.iter().rposition(|effect| matches!(effect, Effect::Call { .. }));
        if last.is_none_or(|last| last + 1 != described.len()) {
            return fault("a call without its state");
        }
        self.may_throw();
        if self.effects(Moment::Returned)? {
            return fault("a store between a call and its results");
        }
        for ty in &ty.results {
            self.push_new(*ty);
        }
        Ok(())
    }

    /// Something that is called here may throw, which the innermost block around that catches, or passes on.
    fn may_throw(&mut self) {
        self.may_throw_in(self.control.len() - 1);
    }

    /// The same for what throws inside `control[depth]`, and not in blocks further in.
    fn may_throw_in(&mut self, depth: usize) {
        let Check { control, symbols, state, .. } = self;
        let tries = control[..=depth].iter_mut().rev().filter_map(|frame| match &mut frame.kind {
            Kind::Try(open) if !open.ways.is_empty() => Some((frame.height, &mut open.thrown)),
            Kind::LegacyTry(open) if !open.is_caught => Some((frame.height, &mut open.thrown)),
            _ => None,
        });
        if let Some((height, thrown)) = { tries }.next() {
            let here = state.at_label(height, 0);
            match thrown {
                Some(thrown) => thrown.join(&here, symbols),
                None => *thrown = Some(here),
            }
        }
    }

    /// Before the `end` of a `try_table`: what its clauses find.
    fn land(&mut self, depth: usize) -> Checked {
        let Kind::Try(open) = &mut self.control[depth].kind else { return Ok(()) };
        let Try { ways, catches_all, thrown } = std::mem::take(&mut **open);
        let Some(thrown) = thrown else { return Ok(()) };
        let before = (self.state.clone(), self.brought.clone());
        for ((types, label), place) in ways.into_iter().zip(0..) {
            let height = self.control[label].height;
            self.state = thrown.at_label(height, 0);
            self.brought = Brought { locals: HashSet::new(), operands: height };
            types.into_iter().for_each(|ty| self.push_new(ty));
            self.branch_to(label, Moment::Clause(place))?;
        }
        if !catches_all {
            self.state = thrown;
            self.may_throw();
        }
        (self.state, self.brought) = before;
        Ok(())
    }

    /// A clause of a `try` begins: what it finds.
    fn catch(&mut self, tag: Option<TagIndex>) -> Checked {
        let depth = self.control.len() - 1;
        if self.is_reachable {
            self.branch_to(depth, Moment::Branch)?;
        }
        let Frame { kind: Kind::LegacyTry(open), height, .. } = &mut self.control[depth] else {
            unreachable!("validated")
        };
        open.is_caught = true;
        open.catches_all |= tag.is_none();
        self.is_reachable = open.thrown.is_some();
        if let Some(thrown) = &open.thrown {
            self.state.clone_from(thrown);
            self.brought = Brought { locals: HashSet::new(), operands: *height };
            if self.facts.is_rethrown(self.pc) {
                self.push_new(ValType::EXNREF);
            }
            let info = self.info;
            tag.iter().flat_map(|tag| &info.tag_signature(*tag).params).for_each(|ty| self.push_new(*ty));
            (self.is_stop_due, self.is_changed) = (true, false);
        }
        Ok(())
    }

    /// The `end` of a `try` whose exceptions go on from the inside of another block.
    fn delegate(&mut self, relative: u32) -> Checked {
        let depth = self.control.len() - 1;
        let Kind::LegacyTry(open) = &mut self.control[depth].kind else { unreachable!("validated") };
        if let Some(thrown) = open.thrown.take() {
            self.pass_on(thrown, depth - 1 - relative as usize);
        }
        self.end()
    }

    /// What was thrown with this state, and isn't caught, goes on from the inside of `control[depth]`.
    fn pass_on(&mut self, thrown: State, depth: usize) {
        let before = std::mem::replace(&mut self.state, thrown);
        self.may_throw_in(depth);
        self.state = before;
    }

    fn tail_call(&mut self, ty: TypeIndex) -> Checked {
        self.takes(self.info.signatures[ty].params.len())?;
        self.is_reachable = false;
        Ok(())
    }

    fn open(&mut self, kind: Kind, ty: wasmparser::BlockType) -> Checked {
        let (params, results) = block_type(self.info, ty);
        let height = self.state.operands.len() - params.len();
        self.control.push(Frame { kind, params, results, height, end: None });
        Ok(())
    }

    fn open_loop(&mut self, ty: wasmparser::BlockType) -> Checked {
        let changes = self.effects(Moment::Branch)?;
        let pc = self.pc;
        self.open(Kind::Loop { pc, assumed: Vec::new() }, ty)?;
        if !self.facts.is_target(pc) {
            self.is_changed |= changes;
            return Ok(());
        }
        let frame = self.control.last_mut().expect("just opened");
        let (height, arity) = (frame.height, frame.params.len());
        let entry = self.state.clone();
        for local in self.facts.assigned(pc) {
            self.state.locals[local as usize] = self.symbols.new_one(self.types[local as usize]);
        }
        for operand in &mut self.state.operands[height..height + arity] {
            *operand = self.symbols.new_one(self.symbols.ty(*operand));
        }
        // The words in question: those that the loop stores to, and the homes of what has new symbols.
        let homes = self.operand_homes();
        let mut words: Vec<u32> = self.facts.stored(pc).collect();
        words.extend(self.facts.assigned(pc).flat_map(|local| self.homes.locals(local, 1)));
        words.extend(homes[height]..homes[height + arity]);
        words.sort_unstable();
        words.dedup();
        let mut assumed = Vec::new();
        for word in words.into_iter().filter(|word| *word < self.plan.words) {
            let subject = match self.homes.local_at(word) {
                Some(local) => Some((Subject::Local(local), self.homes.local(local))),
                None => {
                    // The last home is the next operand's, which isn't there.
                    let operand = homes.partition_point(|home| *home <= word).checked_sub(1);
                    operand
                        .filter(|operand| *operand < entry.operands.len())
                        .map(|at| (Subject::Operand(at), homes[at]))
                }
            };
            let assumption = subject.and_then(|(subject, home)| {
                let (on_entry, here) = match subject {
                    Subject::Local(local) => (entry.locals[local as usize], self.state.locals[local as usize]),
                    Subject::Operand(operand) => (entry.operands[operand], self.state.operands[operand]),
                };
                let half = Half::ALL[(word - home) as usize];
                let holds = entry.words[word as usize] == Some(Held { symbol: on_entry, half });
                let is_made = holds && !self.given_up.contains(&(pc, word));
                is_made.then_some((subject, Held { symbol: here, half }))
            });
            self.state.words[word as usize] = assumption.map(|(_, held)| held);
            assumed.extend(assumption.map(|(subject, held)| (word, subject, held.half)));
        }
        self.control.last_mut().expect("just opened").kind = Kind::Loop { pc, assumed };
        self.is_stop_due = true;
        Ok(())
    }

    /// Where the homes of the operands begin, and where the next one's would.
    fn operand_homes(&self) -> Vec<u32> {
        let mut next = self.homes.operands();
        let mut homes: Vec<u32> =
            self.state.operands.iter().map(|symbol| next.take(self.symbols.ty(*symbol))).collect();
        homes.push(next.word());
        homes
    }

    fn enter_otherwise(&mut self) {
        let frame = self.control.last_mut().expect("validated");
        let Kind::If { otherwise } = std::mem::replace(&mut frame.kind, Kind::Else) else { unreachable!("validated") };
        (self.state, self.brought) = *otherwise;
        self.is_reachable = true;
        (self.is_stop_due, self.is_changed) = (true, false);
    }

    fn end(&mut self) -> Checked {
        let depth = self.control.len() - 1;
        if let Kind::If { .. } = self.control[depth].kind {
            if self.is_reachable {
                self.branch_to(depth, Moment::Branch)?;
            }
            self.enter_otherwise();
            if self.control[depth].end.is_none() {
                self.control.pop();
                return Ok(());
            }
        }
        self.land(depth)?;
        if let Kind::LegacyTry(open) = &mut self.control[depth].kind {
            let LegacyTry { is_caught, catches_all, thrown } = std::mem::take(&mut **open);
            if is_caught && self.is_reachable {
                self.branch_to(depth, Moment::Otherwise)?;
                self.is_reachable = false;
            }
            if let Some(thrown) = thrown.filter(|_| !catches_all) {
                self.pass_on(thrown, depth - 1);
            }
        }
        match self.control[depth].kind {
            Kind::Function => self.is_reachable = false,
            Kind::Loop { .. } => {}
            _ => {
                if self.is_reachable && self.control[depth].end.is_some() {
                    self.branch_to(depth, Moment::Otherwise)?;
                }
                if let Some(state) = self.control[depth].end.take() {
                    self.state = state;
                    self.is_reachable = true;
                    (self.is_stop_due, self.is_changed) = (true, false);
                }
            }
        }
        self.control.pop();
        Ok(())
    }

    fn depth(&self, relative: u32) -> usize {
        self.control.len() - 1 - relative as usize
    }

    fn branch_to(&mut self, depth: usize, moment: Moment) -> Checked {
        if !matches!(self.control[depth].kind, Kind::Function) {
            self.effects(moment)?;
        }
        self.reach(depth)
    }

    /// A way leads from here to the label of `control[depth]`.
    fn reach(&mut self, depth: usize) -> Checked {
        let frame = &self.control[depth];
        self.takes(match frame.kind {
            Kind::Loop { .. } => frame.params.len(),
            _ => frame.results.len(),
        })?;
        let frame = &mut self.control[depth];
        match &frame.kind {
            Kind::Function => {}
            Kind::Loop { pc, assumed } => {
                for (word, subject, half) in assumed {
                    let symbol = match *subject {
                        Subject::Local(local) => self.state.locals[local as usize],
                        Subject::Operand(operand) if operand < frame.height => self.state.operands[operand],
                        Subject::Operand(operand) => {
                            let from = self.state.operands.len() - frame.params.len();
                            self.state.operands[from + operand - frame.height]
                        }
                    };
                    if self.state.words[*word as usize] != Some(Held { symbol, half: *half }) {
                        self.given_up.insert((*pc, *word));
                    }
                }
            }
            _ => {
                let here = self.state.at_label(frame.height, frame.results.len());
                match &mut frame.end {
                    Some(end) => end.join(&here, &mut self.symbols),
                    None => frame.end = Some(here),
                }
            }
        }
        Ok(())
    }

    fn branch_if(&mut self, relative: u32) -> Checked {
        let depth = self.depth(relative);
        let changes = self.effects(Moment::Branch)?;
        self.reach(depth)?;
        self.is_changed |= changes;
        Ok(())
    }

    fn branch_table(&mut self, table: &BrTable<'_>) -> Checked {
        self.take()?;
        let targets = table.targets().chain([Ok(table.default())]);
        let mut depths: Vec<_> = targets.map(|depth| self.depth(depth.expect("validated"))).collect();
        depths.sort_unstable();
        depths.dedup();
        self.effects(Moment::Branch)?;
        let here = self.state.clone();
        for depth in depths {
            self.effects(Moment::Way(depth as u32))?;
            self.reach(depth)?;
            self.state.clone_from(&here);
        }
        self.is_reachable = false;
        Ok(())
    }
}

/// How many operators whoever reads the place applies. Equal operands are computed once.
fn operators(place: &Place) -> usize {
    let Place::Computed { operands, .. } = place else { return 0 };
    let distinct = if operands.len() == 2 && operands[0] == operands[1] { 1 } else { operands.len() };
    1 + operands[..distinct].iter().map(operators).sum::<usize>()
}
