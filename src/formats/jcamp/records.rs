//! The labelled data records (`##LABEL=value`) of a JCAMP-DX file and the blocks that they form.

use super::super::{number, text};

/// One record. Its value may run over several lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// Label as written, between `##` and `=`.
    pub label: &'a str,
    /// Everything up to the next record, comments included.
    raw: &'a str,
    /// Line number of the label, from 1.
    line: usize,
}

impl<'a> Record<'a> {
    /// True if the label is this one. The standard ignores case, spaces, dashes, slashes and underscores in labels.
    pub fn is(&self, label: &str) -> bool {
        let mut written = self.label.bytes().filter(|b| !matches!(b, b' ' | b'-' | b'/' | b'_' | b'\t'));
        label.bytes().all(|b| written.next().is_some_and(|w| w.eq_ignore_ascii_case(&b))) && written.next().is_none()
    }

    /// The value's lines with their numbers, without comments.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> + Clone {
        let first = self.line;
        text::lines(self.raw).map(move |(i, line)| (first + i - 1, without_comment(line)))
    }

    /// The lines behind the first, which names the form of a table.
    pub fn table_lines(&self) -> impl Iterator<Item = (usize, &'a str)> + Clone {
        self.lines().skip(1)
    }

    /// The first line of the value.
    pub fn value(&self) -> &'a str {
        self.lines().next().map_or("", |(_, line)| line.trim())
    }

    /// The value as a number, with either decimal mark.
    pub fn number(&self) -> Option<f64> {
        let value = self.value();
        number::parse_either(value.split_ascii_whitespace().next().unwrap_or(value))
    }
}

/// The text before `$$`.
fn without_comment(line: &str) -> &str {
    line.split_once("$$").map_or(line, |(before, _)| before)
}

/// The records of one block: one spectrum, or one compound object of several pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Block<'a> {
    /// In file order.
    pub records: Vec<Record<'a>>,
    /// True if `##END=` closed it.
    pub is_closed: bool,
    /// True if the text stops in the middle of its last line.
    pub is_cut: bool,
}

impl<'a> Block<'a> {
    /// The first record of this label.
    pub fn find(&self, label: &str) -> Option<&Record<'a>> {
        self.records.iter().find(|record| record.is(label))
    }

    /// The beginning of the value of this label, where there is one.
    pub fn value(&self, label: &str) -> Option<&'a str> {
        self.find(label).map(|record| text::brief(record.value())).filter(|value| !value.is_empty())
    }
}

/// The blocks of a file in file order. A block that links others has no table itself; nesting says nothing more.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    for record in records(text) {
        if record.is("TITLE") && !block.records.is_empty() {
            blocks.push(std::mem::take(&mut block));
        }
        if record.is("END") {
            block.is_closed = true;
            blocks.push(std::mem::take(&mut block));
        } else {
            block.records.push(record);
        }
    }
    block.is_cut = !text.ends_with(['\n', '\r', '\u{1a}']);
    blocks.push(block);
    blocks.retain(|block| !block.records.is_empty());
    blocks
}

/// Every record of a text.
fn records(text: &str) -> impl Iterator<Item = Record<'_>> {
    let mut starts = labels(text).peekable();
    std::iter::from_fn(move || {
        let (label, line, value_from, _) = starts.next()?;
        let value_to = starts.peek().map_or(text.len(), |(.., line_from)| *line_from);
        Some(Record { label, raw: text.get(value_from..value_to).unwrap_or_default(), line })
    })
}

/// Label, line number, where its value begins and where its line begins.
fn labels(text: &str) -> impl Iterator<Item = (&str, usize, usize, usize)> {
    let start = text.as_ptr() as usize;
    text::lines(text).filter_map(move |(number, line)| {
        let rest = line.trim_start().strip_prefix("##")?;
        // Some programs end blocks with ##END and no equals sign.
        let (label, value) = match rest.split_once('=') {
            Some(parts) => parts,
            None if rest.trim().eq_ignore_ascii_case("end") => (rest, rest.get(rest.len()..)?),
            None => return None,
        };
        // Lines and values are slices of the text.
        Some((label.trim(), number, value.as_ptr() as usize - start, line.as_ptr() as usize - start))
    })
}

#[cfg(test)]
mod tests {
    use super::blocks;

    #[test]
    fn labels_are_found_whatever_their_spelling() {
        let text = "##TITLE=a $$ b\n ##Data Type = X\n##J-CAMP_D/X=5\n##XYDATA=(X++(Y..Y))\n1 2\n2 3 $$ c\n##END\n";
        let blocks = blocks(text);
        assert_eq!((blocks.len(), blocks[0].is_closed), (1, true));
        assert_eq!(blocks[0].value("TITLE"), Some("a"));
        assert_eq!(blocks[0].value("DATATYPE"), Some("X"));
        assert_eq!(blocks[0].find("JCAMPDX").and_then(super::Record::number), Some(5.0));
        let table: Vec<_> = blocks[0].find("XYDATA").unwrap().table_lines().collect();
        assert_eq!(table[..2], [(5, "1 2"), (6, "2 3 ")]);
    }

    #[test]
    fn a_title_begins_a_block_also_where_the_end_is_missing() {
        let text = "##TITLE=all\n##DATATYPE=LINK\n##TITLE=1\n##NPOINTS=2\n##END=\n##TITLE=2\n##END=\n##END=\n";
        let titles: Vec<_> = blocks(text).iter().map(|b| (b.value("TITLE"), b.is_closed)).collect();
        assert_eq!(titles, [(Some("all"), false), (Some("1"), true), (Some("2"), true)]);
    }
}
