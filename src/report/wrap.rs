//! Lines that fit a terminal of 80 columns.

/// Columns of the narrowest terminal that people use.
pub const COLUMNS: usize = 80;

/// Cuts a text into lines of at most so many characters, at its spaces and line
/// breaks. A word that is longer, such as an address, stays whole.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let mut length = 0;
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let word_length = word.chars().count();
            if length > 0 && length + 1 + word_length > width {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += word_length;
        }
        lines.push(line);
    }
    lines
}

/// Cuts lines that are longer than so many characters at their spaces, and leaves
/// all others as they are. What follows is indented like its line.
pub fn fold(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| folded(line, width)).collect();
    lines.join("\n")
}

fn folded(line: &str, width: usize) -> String {
    let indent = &line[..line.len() - line.trim_start_matches(' ').len()];
    let mut folded = String::new();
    let mut rest = line.to_owned();
    while rest.chars().count() > width {
        let spaces = rest.char_indices().enumerate();
        let spaces = spaces.filter(|(_, (at, c))| *c == ' ' && *at > indent.len());
        let fits = |(nth, _): &(usize, (usize, char))| *nth <= width;
        let last = spaces.clone().take_while(fits).last();
        let Some((_, (at, _))) = last.or_else(|| spaces.clone().next()) else {
            break;
        };
        folded.push_str(rest[..at].trim_end());
        folded.push('\n');
        rest = format!("{indent}{}", rest[at..].trim_start());
    }
    folded + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_words_and_long_words_stay_whole() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(
            wrap("a https://example.org/long b", 8),
            ["a", "https://example.org/long", "b"]
        );
        assert_eq!(wrap("one\ntwo", 20), ["one", "two"]);
        assert_eq!(wrap("für größere", 4), ["für", "größere"]);
        assert!(wrap("", 10).is_empty());
    }

    #[test]
    fn only_long_lines_are_folded_and_their_indent_goes_on() {
        assert_eq!(fold("  |  a\n  |  ^", 6), "  |  a\n  |  ^");
        assert_eq!(fold("one two three", 7), "one two\nthree");
        assert_eq!(fold("  one two three", 9), "  one two\n  three");
        assert_eq!(fold("kept  one two", 9), "kept  one\ntwo");
        assert_eq!(
            fold("https://example.org/long b", 8),
            "https://example.org/long\nb"
        );
        assert_eq!(
            fold("  https://example.org/long", 8),
            "  https://example.org/long"
        );
        assert_eq!(fold("", 8), "");
    }
}
