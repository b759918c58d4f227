//! One file with the texts of all photos, as it was read: which photo has which
//! text, and the file with some of them changed and all else as it was.

use super::super::TagChange;
use super::{csv, json};
use crate::archive::{PhotoId, Tag};
use std::collections::HashMap;

/// How the file is written, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Csv,
    Json,
}

/// One photo's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) alt: String,
    pub(super) source: Option<Tag>,
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewRow {
    pub(super) path: String,
    pub(super) alt: String,
    pub(super) source: TagChange,
}

/// The file, read.
#[derive(Debug)]
pub(super) struct File {
    form: Form,
    pub(super) bytes: Vec<u8>,
    rows: HashMap<String, Row>,
    /// Paths that stand in it more than once.
    twice: HashMap<String, usize>,
    /// Whether it says where a text comes from.
    pub(super) has_source: bool,
}

/// What a form finds in the bytes: rows in their order.
pub(super) struct Found {
    pub(super) rows: Vec<(String, Row)>,
    pub(super) has_source: bool,
}

impl File {
    /// Reads a file; `None` is one that is not there yet.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(super) fn read(form: Form, bytes: Option<Vec<u8>>) -> Result<Self, String> {
        let bytes = bytes.unwrap_or_else(|| match form {
            Form::Csv => csv::empty(),
            Form::Json => json::empty(),
        });
        let found = match form {
            Form::Csv => csv::find(&bytes),
            Form::Json => json::find(&bytes),
        }?;
        let mut file = Self {
            form,
            bytes,
            rows: HashMap::with_capacity(found.rows.len()),
            twice: HashMap::new(),
            has_source: found.has_source,
        };
        for (path, row) in found.rows {
            let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
            if let Some(before) = file.rows.get(&path) {
                if *before != row {
                    *file.twice.entry(path).or_insert(1) += 1;
                }
                continue;
            }
            file.rows.insert(path, row);
        }
        Ok(file)
    }

    /// A photo's row; the empty one where it has none.
    ///
    /// # Errors
    /// The photo has several rows that say different things.
    pub(super) fn row(&self, photo: &PhotoId) -> Result<Row, String> {
        if self.twice.contains_key(photo.as_str()) {
            return Err("it stands there more than once, with different texts".to_owned());
        }
        Ok(self.rows.get(photo.as_str()).cloned().unwrap_or_default())
    }

    /// How many photos it has.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The file with these changes.
    ///
    /// # Errors
    /// It would not say what it is to say: nothing is to be written then.
    pub(super) fn with(&self, changes: Vec<NewRow>) -> Result<Self, String> {
        let wished: HashMap<String, NewRow> = changes
            .into_iter()
            .map(|change| (change.path.clone(), change))
            .collect();
        let bytes = match self.form {
            Form::Csv => csv::with(&self.bytes, &wished)?,
            Form::Json => json::with(&self.bytes, &wished)?,
        };
        let after = Self::read(self.form, Some(bytes))?;
        let says = |path: &str| after.rows.get(path).map(|row| row.alt.as_str());
        let wrong = wished
            .values()
            .find(|new| says(&new.path) != Some(&new.alt));
        let others = self
            .rows
            .iter()
            .filter(|(path, _)| !wished.contains_key(*path));
        let mut others = others.filter(|(path, row)| after.rows.get(*path) != Some(row));
        match (
            wrong.map(|new| &new.path),
            others.next().map(|(path, _)| path),
        ) {
            (None, None) => Ok(after),
            (Some(path), _) | (_, Some(path)) => Err(format!(
                "the text of {path} would not be read back as it is written"
            )),
        }
    }
}

/// The word that a change of the source puts there; `None` where it stays.
pub(super) fn word(source: TagChange) -> Option<&'static str> {
    match source {
        TagChange::Keep => None,
        TagChange::Set(tag) => Some(tag.as_str()),
        TagChange::Clear => Some(""),
    }
}

/// The source that a word means, whatever the case of its letters; other words mean nothing to us.
pub(super) fn source(word: &str) -> Option<Tag> {
    Tag::parse(&word.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn new(path: &str, alt: &str) -> NewRow {
        NewRow {
            path: path.to_owned(),
            alt: alt.to_owned(),
            source: TagChange::Set(Tag::Machine),
        }
    }

    fn back(path: &str) -> NewRow {
        NewRow {
            source: TagChange::Clear,
            ..new(path, "")
        }
    }

    fn text(file: &File) -> String {
        String::from_utf8(file.bytes.clone()).unwrap()
    }

    fn read(form: Form, text: &str) -> File {
        File::read(form, Some(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn other_columns_rows_and_their_writing_stay_as_they_are() {
        for (before, after, restored) in [
            (
                "\u{feff}id;PATH;alt ;source\r\n1;\"a/1.jpg\";;\r\n2;b.jpg;'=Mine;person\r\n",
                "\u{feff}id;PATH;alt ;source\r\n1;a/1.jpg;\"Two; \"\"dogs\"\".\";machine\r\n2;b.jpg;'=Mine;person\r\n",
                "\u{feff}id;PATH;alt ;source\r\n1;a/1.jpg;;\r\n2;b.jpg;'=Mine;person\r\n",
            ),
            (
                "sep=,\npath,alt,source,note\nb.jpg,\"'=Mine\",person,\"x, y\"\n\na/1.jpg",
                "sep=,\npath,alt,source,note\nb.jpg,\"'=Mine\",person,\"x, y\"\n\na/1.jpg,\"Two; \"\"dogs\"\".\",machine,",
                "sep=,\npath,alt,source,note\nb.jpg,\"'=Mine\",person,\"x, y\"\n\na/1.jpg,,,",
            ),
        ] {
            let file = read(Form::Csv, before);
            assert_eq!(file.row(&PhotoId::new("b.jpg")).unwrap().alt, "=Mine");
            let changed = file.with(vec![new("a/1.jpg", "Two; \"dogs\".")]).unwrap();
            assert_eq!(text(&changed), after);
            assert_eq!(
                text(&changed.with(vec![back("a/1.jpg")]).unwrap()),
                restored
            );
        }
        let before = "[\n  {\"alt\" : null,\"n\":1.10, \"path\": \"a/1.jpg\"},\n {\"path\":\"b.jpg\",\"alt\":\"Mine\",\"source\":\"person\"}\n]\n";
        let after = "[\n  {\"alt\" : \"Two; \\\"dogs\\\".\",\"n\":1.10, \"path\": \"a/1.jpg\", \"source\": \"machine\"},\n {\"path\":\"b.jpg\",\"alt\":\"Mine\",\"source\":\"person\"}\n]\n";
        let changed = read(Form::Json, before)
            .with(vec![new("a/1.jpg", "Two; \"dogs\".")])
            .unwrap();
        assert_eq!(text(&changed), after);
    }

    #[test]
    fn photos_that_are_not_in_it_come_last() {
        let file = File::read(Form::Csv, None).unwrap();
        let file = file
            .with(vec![new("a/1.jpg", "=One."), new("b/2.jpg", "Two.")])
            .unwrap();
        let file = file.with(vec![new("a/3.jpg", "Three.")]).unwrap();
        assert_eq!(file.row(&PhotoId::new("a/1.jpg")).unwrap().alt, "=One.");
        assert!(text(&file).starts_with("\u{feff}path,alt,source\na/1.jpg,'=One.,machine\n"));
        assert!(text(&file).ends_with("a/3.jpg,Three.,machine\n"));
        let file = File::read(Form::Json, None).unwrap();
        let file = file.with(vec![new("a/1.jpg", "One.")]).unwrap();
        let file = file.with(vec![new("b/2.jpg", "Two.")]).unwrap();
        assert_eq!(
            text(&file),
            "[\n  {\"path\": \"a/1.jpg\", \"alt\": \"One.\", \"source\": \"machine\"},\n  \
             {\"path\": \"b/2.jpg\", \"alt\": \"Two.\", \"source\": \"machine\"}\n]\n"
        );
        let plain = read(Form::Csv, "path,alt\nx.jpg,X")
            .with(vec![new("y.jpg", "Y.")])
            .unwrap();
        assert_eq!(text(&plain), "path,alt\nx.jpg,X\ny.jpg,Y.\n");
        assert!(!plain.has_source);
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for (form, text, why) in [
            (Form::Csv, "", "path"),
            (Form::Csv, "path;text\na;b", "alt"),
            (Form::Csv, "path,alt\na.jpg,b,c\n", "line 2"),
            (Form::Csv, "path,alt,path\n", "twice"),
            (Form::Json, "{}", "JSON"),
            (Form::Json, "[{\"alt\":\"x\"}]", "path"),
            (Form::Json, "[{\"path\":\"a\",\"path\":\"b\"}]", "duplicate"),
            (Form::Json, "[{\"path\":\"a\",\"alt\":7}]", "alt"),
        ] {
            let error = File::read(form, Some(text.into())).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(File::read(Form::Csv, Some(b"path,alt\n\xe9,x".to_vec())).is_err());
        let twice = read(
            Form::Csv,
            "path,alt\na.jpg,x\n./a.jpg,y\nb.jpg,x\nb.jpg,x\n",
        );
        assert!(twice.row(&PhotoId::new("a.jpg")).is_err());
        assert!(twice.row(&PhotoId::new("b.jpg")).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(path in "[a-z=+'\" ,;-]{1,8}\\PC{0,6}", alt in "['=+@\",; \t\r\n-]{0,4}\\PC{0,20}") {
            prop_assume!(!path.starts_with("./"));
            for form in [Form::Csv, Form::Json] {
                let file = File::read(form, None).unwrap();
                let file = file.with(vec![new("x.jpg", "X"), new(&path, &alt)]).unwrap();
                prop_assert_eq!(file.row(&PhotoId::new(&path)).unwrap().alt, alt.as_str());
                let again = file.with(vec![new(&path, "Other")]).unwrap();
                prop_assert_eq!(again.row(&PhotoId::new("x.jpg")).unwrap().alt, "X");
            }
        }
    }
}
