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
}
