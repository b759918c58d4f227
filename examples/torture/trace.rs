//! What the program did to its state files, in order, read from a log of
//! `strace -f -xx -y`: every write, sync, truncation, creation and removal, and
//! every request that left, since a request shows what the program had been told
//! is durable.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The calls that are traced.
pub(crate) const CALLS: &str =
    "pwrite64,fsync,fdatasync,ftruncate,openat,unlink,unlinkat,write,writev,sendto,sendmsg";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Bytes were written into a file of this name.
    Write(String, u64, Vec<u8>),
    /// A file was cut to this length.
    Truncate(String, u64),
    /// A file was synced; its name is that of a directory for directories.
    Sync(String),
    /// A file was opened, and made if it was not there.
    Create(String),
    /// A file was removed.
    Remove(String),
    /// A model was asked.
    Asked,
    /// A text was sent to the site.
    Sent(String, String),
}

/// Reads a log. A kill may fall between what a call did and its return: whether
/// such a call was carried out is looked up in the folder that the kill left.
pub(crate) fn read(log: &str, folder: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut cut_short = Vec::new();
    let mut open: HashMap<&str, String> = HashMap::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix(" <unfinished ...>") {
            // A request may arrive before its call returns, but nothing is
            // durable before that.
            steps.extend(Call::parse(begun).and_then(|call| call.sends()));
            open.insert(thread, begun.to_owned());
            continue;
        }
        if let Some(begun) = rest.strip_suffix(" = ?") {
            let begun = begun.strip_prefix("<... ").map_or(begun, |_| "");
            let before = open.remove(thread).unwrap_or_default();
            cut_short.push(format!("{before}{begun}"));
            continue;
        }
        let resumed = rest
            .strip_prefix("<... ")
            .and_then(|rest| rest.split_once(" resumed>"));
        if let Some((_, end)) = resumed {
            let begun = open.remove(thread).unwrap_or_default();
            let whole = format!("{begun}{end}");
            let call = Call::parse(&whole).filter(Call::succeeded);
            steps.extend(call.and_then(|call| call.changes()));
        } else {
            let call = Call::parse(rest).filter(Call::succeeded);
            steps.extend(call.and_then(|call| call.changes().or_else(|| call.sends())));
        }
    }
    cut_short.extend(open.into_values());
    let changes = cut_short.iter().filter_map(|text| {
        let text = text.trim_end().trim_end_matches("<unfinished ...>)");
        Call::parse(text)?.changes()
    });
    steps.extend(changes.filter(|step| step.shows_in(folder)));
    steps
}

impl Step {
    /// Whether the files are as this leaves them. A sync can't be seen.
    fn shows_in(&self, folder: &Path) -> bool {
        match self {
            Self::Write(name, at, bytes) => fs::read(folder.join(name)).is_ok_and(|file| {
                let rest = usize::try_from(*at).ok().and_then(|at| file.get(at..));
                rest.is_some_and(|rest| rest.starts_with(bytes))
            }),
            Self::Truncate(name, length) => {
                fs::metadata(folder.join(name)).is_ok_and(|file| file.len() == *length)
            }
            Self::Create(name) => folder.join(name).exists(),
            Self::Remove(name) => !folder.join(name).exists(),
            Self::Sync(_) | Self::Asked | Self::Sent(..) => false,
        }
    }
}

/// One system call, taken apart.
struct Call<'a> {
    name: &'a str,
    text: &'a str,
    /// The quoted strings, decoded.
    strings: Vec<Vec<u8>>,
    /// The path behind the first descriptor.
    path: String,
}

impl<'a> Call<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (name, arguments) = text.split_once('(')?;
        let strings = arguments.split('"').skip(1).step_by(2).map(bytes);
        let path = arguments
            .split_once('<')
            .and_then(|(_, rest)| rest.split_once('>'))
            .map(|(path, _)| String::from_utf8_lossy(&bytes(path)).into_owned());
        Some(Self {
            name,
            text,
            strings: strings.collect(),
            path: path.unwrap_or_default(),
        })
    }

    fn succeeded(&self) -> bool {
        let result = self.text.rsplit_once(" = ").map(|(_, result)| result);
        result.is_some_and(|result| !result.starts_with('-') && !result.starts_with('?'))
    }

    /// The last number among the arguments.
    fn last_number(&self) -> Option<u64> {
        let arguments = self.text.rsplit_once(')').map_or(self.text, |(it, _)| it);
        let (_, number) = arguments.rsplit_once(", ")?;
        number.trim().parse().ok()
    }

    fn changes(&self) -> Option<Step> {
        let named = || {
            let path = String::from_utf8_lossy(self.strings.first()?).into_owned();
            file_name(&path)
        };
        match self.name {
            "pwrite64" => {
                let bytes = self.strings.first()?.clone();
                Some(Step::Write(
                    file_name(&self.path)?,
                    self.last_number()?,
                    bytes,
                ))
            }
            "ftruncate" => Some(Step::Truncate(file_name(&self.path)?, self.last_number()?)),
            "fsync" | "fdatasync" if self.path.ends_with("/state") => {
                Some(Step::Sync("state".to_owned()))
            }
            "fsync" | "fdatasync" => Some(Step::Sync(file_name(&self.path)?)),
            "openat" if self.text.contains("O_CREAT") => Some(Step::Create(named()?)),
            "unlink" | "unlinkat" => Some(Step::Remove(named()?)),
            _ => None,
        }
    }

    fn sends(&self) -> Option<Step> {
        if !matches!(self.name, "write" | "writev" | "sendto" | "sendmsg") {
            return None;
        }
        let bytes = self.strings.concat();
        if bytes.starts_with(b"POST ") {
            return Some(Step::Asked);
        }
        let text = String::from_utf8(bytes).ok()?;
        let rest = text.strip_prefix("PATCH /album/")?;
        let (photo, rest) = rest.split_once("/patch ")?;
        let (_, body) = rest.split_once("\r\n\r\n")?;
        let body: serde_json::Value = serde_json::from_str(body).ok()?;
        let alt = body.get("alt")?.as_str()?.to_owned();
        Some(Step::Sent(photo.to_owned(), alt))
    }
}

/// The name of a state file; `None` for all other files. The index in shared
/// memory is made anew after a power loss.
fn file_name(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/')?;
    let ours = folder.ends_with("/state") && name.starts_with("altfill.db");
    let kept = !["altfill.db-shm", "altfill.db.lock"].contains(&name);
    (ours && kept).then(|| name.to_owned())
}

/// What stands for bytes as `\x41\x42`.
fn bytes(text: &str) -> Vec<u8> {
    let pairs = text.split("\\x").skip(1);
    pairs
        .filter_map(|pair| u8::from_str_radix(pair.get(..2)?, 16).ok())
        .collect()
}
