//! A folder of serialized modules, from which they come back without being compiled.
//!
//! Any number of engines and processes may use it at once: a file is written under a name of its own first, and is never changed
//! afterwards. What fails is logged, and the module compiled. Knows nothing of modules but their bytes. Read next: [`super::serialized`].

use super::serialized::{PARTIAL, Serialized};
use crate::base::{CacheFolder, Error, ErrorKind, Result};
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use twox_hash::XxHash3_128;

/// What files are called that are whole.
const WHOLE: &str = "pellucid";
/// Whoever writes so long has ended before it was done.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Where a module is in a folder.
pub(super) struct ModuleCache<'a> {
    folder: &'a CacheFolder,
    path: PathBuf,
}

impl<'a> ModuleCache<'a> {
    /// Where a module of these bytes is that was compiled with these settings.
    pub(super) fn new(folder: &'a CacheFolder, settings: &str, bytes: &[u8]) -> ModuleCache<'a> {
        let mut hasher = XxHash3_128::new();
        hasher.write(settings.as_bytes());
        hasher.write(bytes);
        let path = Path::new(&folder.path).join(format!("{:032x}.{WHOLE}", hasher.finish_128()));
        ModuleCache { folder, path }
    }

    /// What `read` makes of the file, if that is there and `is_right`.
    pub(super) fn look_up<T>(
        &self,
        read: impl FnOnce(&str) -> Result<T>,
        is_right: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        if !self.is_ours() {
            return None;
        }
        let found = match read(self.path.to_str()?) {
            Ok(found) => found,
            Err(missing) if missing.kind() == ErrorKind::NotFound => return None,
            Err(refused) => {
                log::warn!("{} is of no use, the module is compiled: {refused}", self.path.display());
                return None;
            }
        };
        if !is_right(&found) {
            log::warn!("{} is another module, this one is compiled", self.path.display());
            return None;
        }
        // Those that are used are kept longest.
        let touched = File::open(&self.path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(refused) = touched {
            log::debug!("{}: {refused}", self.path.display());
        }
        Some(found)
    }

    /// Keeps a module there, and removes those that nobody has used for longest, if all take more than they may.
    pub(super) fn keep(&self, module: Result<Serialized<'_>>) {
        if let Err(refused) = module.and_then(|module| self.write(&module)) {
            log::warn!("the module isn't kept in {}: {refused}", self.folder.path);
        }
        if let Err(refused) = self.make_room() {
            log::warn!("{} isn't made smaller: {refused}", self.folder.path);
        }
    }

    fn write(&self, module: &Serialized<'_>) -> Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder.path).map_err(system)?;
        if self.is_ours() { module.write_file(&self.path, 0o600) } else { Ok(()) }
    }

    /// Whether the folder is there, and nobody else can write to it, who could have his code run.
    fn is_ours(&self) -> bool {
        const OTHERS_WRITE: u32 = 0o022;
        let Ok(about) = fs::metadata(&self.folder.path) else { return false };
        let is_ours = about.uid() == geteuid().as_raw() && about.mode() & OTHERS_WRITE == 0;
        if !is_ours {
            log::warn!("others can write to {}: no module is taken from there", self.folder.path);
        }
        is_ours
    }

    fn make_room(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder.path)? {
            let path = entry?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            // Another process may have removed it meanwhile.
            let Ok(about) = path.metadata() else { continue };
            let used = about.modified()?;
            match ending {
                Some(WHOLE) => files.push((used, about.len(), path)),
                Some(PARTIAL) if used.elapsed().is_ok_and(|age| age > ABANDONED) => remove(&path),
                _ => {}
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if bytes <= self.folder.bytes {
                break;
            }
            remove(&path);
            bytes -= length;
        }
        Ok(())
    }
}

fn remove(path: &Path) {
    if let Err(refused) = fs::remove_file(path) {
        log::debug!("{}: {refused}", path.display());
    }
}

fn system(error: io::Error) -> Error {
    Error::new(ErrorKind::System, error)
}
