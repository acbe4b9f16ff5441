//! Modules by the crate wasm-smith, of what both engines support.

use crate::case::{Allowed, FUEL, FUEL_EXPORT, MEMORY_LIMIT};
use crate::random::Random;
use arbitrary::Unstructured;
use wasm_encoder::reencode::{Reencode, utils};
use wasm_encoder::{CodeSection, ExportKind, ExportSection, Instruction};
use wasm_smith::{Config, MemoryOffsetChoices, Module};

/// The configuration: everything that is compiled and allowed, and nothing else.
pub fn config(random: &mut Random, allowed: Allowed) -> Config {
    let Allowed { nans, vectors, exceptions, objects } = allowed;
    let floats = random.chance(70);
    let objects = objects && random.chance(70);
    Config {
        allow_floats: floats,
        // Which bits a NaN has is up to the engine.
        canonicalize_nans: !nans,
        allow_start_export: random.chance(20),
        disallow_traps: random.chance(20),
        export_everything: true,
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        multi_value_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        extended_const_enabled: true,
        exceptions_enabled: exceptions && random.chance(60),
        gc_enabled: objects,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: vectors,
        memory64_enabled: true,
        // A product that is added comes out of the machine with one NaN or another.
        relaxed_simd_enabled: vectors && !floats,
        simd_enabled: vectors,
        tail_call_enabled: true,
        threads_enabled: vectors,
        shared_everything_threads_enabled: false,
        wide_arithmetic_enabled: vectors,
        min_funcs: 1,
        max_funcs: 1 + random.below(8),
        max_imports: random.below(8),
        max_instructions: random.pick(&[20, 60, 150, 400]),
        max_memories: random.pick(&[0, 1, 1, 3]),
        max_tables: random.pick(&[0, 1, 1, 3]),
        max_memory32_bytes: 9 << 16,
        max_memory64_bytes: 9 << 16,
        max_table_elements: 100,
        max_globals: random.below(10),
        max_types: 1 + random.below(12) + if objects { random.below(12) } else { 0 },
        max_values: 20,
        max_data_segments: 4,
        max_element_segments: 4,
        max_elements: 10,
        // Mostly inside, so that not every access traps.
        memory_offset_choices: MemoryOffsetChoices(95, 4, 1),
        ..Config::default()
    }
}

/// A module whose functions end. None if wasm-smith can't make one of these choices.
pub fn module(random: &mut Random) -> Option<Vec<u8>> {
    module_with(random, Allowed::WITHOUT_NANS)
}

/// The same with what it may have.
pub fn module_with(random: &mut Random, allowed: Allowed) -> Option<Vec<u8>> {
    let config = config(random, allowed);
    let size = random.pick(&[300, 1000, 3000]);
    let entropy = random.bytes(size);
    let mut module = Module::new(config, &mut Unstructured::new(&entropy)).ok()?;
    let fuel = module.ensure_termination(FUEL as u32).ok()?;
    Some(with_export(&module.to_bytes(), fuel, random.pick(&[7, 7, 63, 1023])))
}

/// How long a guest waits for others, of which there are none, in nanoseconds.
const PATIENCE: i64 = 1000;

/// The same module with the global that holds the fuel exported, that waits for nobody for long, whose shared memories don't
/// grow beyond what both engines allow (the peer has no limit for these), and whose arrays have few elements.
fn with_export(bytes: &[u8], global: u32, most_elements: i32) -> Vec<u8> {
    struct Exporter {
        global: u32,
        most_elements: i32,
        is_done: bool,
    }

    impl Exporter {
        fn add(&mut self, exports: &mut ExportSection) {
            exports.export(FUEL_EXPORT, ExportKind::Global, self.global);
            self.is_done = true;
        }
    }

    impl Reencode for Exporter {
        type Error = std::convert::Infallible;

        fn memory_type(
            &mut self,
            ty: wasmparser::MemoryType,
        ) -> Result<wasm_encoder::MemoryType, wasm_encoder::reencode::Error<Self::Error>> {
            let mut ty = utils::memory_type(self, ty);
            if ty.shared {
                let most = MEMORY_LIMIT >> ty.page_size_log2.unwrap_or(16);
                ty.maximum = ty.maximum.map(|maximum| maximum.min(most));
            }
            Ok(ty)
        }

        fn parse_function_body(
            &mut self,
            code: &mut CodeSection,
            body: wasmparser::FunctionBody<'_>,
        ) -> Result<(), wasm_encoder::reencode::Error<Self::Error>> {
            let mut function = self.new_function_with_parsed_locals(&body)?;
            let mut reader = body.get_operators_reader()?;
            while !reader.eof() {
                let instruction = self.parse_instruction(&mut reader)?;
                if let Instruction::MemoryAtomicWait32(_) | Instruction::MemoryAtomicWait64(_) = instruction {
                    function.instruction(&Instruction::Drop).instruction(&Instruction::I64Const(PATIENCE));
                }
                if let Instruction::ArrayNew(_) | Instruction::ArrayNewDefault(_) = instruction {
                    function.instruction(&Instruction::I32Const(self.most_elements)).instruction(&Instruction::I32And);
                }
                function.instruction(&instruction);
            }
            code.function(&function);
            Ok(())
        }

        fn parse_export_section(
            &mut self,
            exports: &mut ExportSection,
            section: wasmparser::ExportSectionReader<'_>,
        ) -> Result<(), wasm_encoder::reencode::Error<Self::Error>> {
            utils::parse_export_section(self, exports, section)?;
            self.add(exports);
            Ok(())
        }
    }

    let mut exporter = Exporter { global, most_elements, is_done: false };
    let mut module = wasm_encoder::Module::new();
    exporter
        .parse_core_module(&mut module, wasmparser::Parser::new(0), bytes)
        .expect("wasm-smith writes valid modules");
    module.finish()
}
