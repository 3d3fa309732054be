//! Two lists of lines beside each other, with equal lines on one height.

use std::fmt::Write as _;

/// What stands on one height.
#[derive(Debug, PartialEq, Eq)]
enum Row<'a> {
    Both(&'a str),
    Left(&'a str),
    Right(&'a str),
}

/// Both lists: what is only on the left is marked with `<`, what is only on the right with `>`.
pub(crate) fn side_by_side(left: &[String], right: &[String]) -> String {
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows(left, right) {
        let (one, mark, other) = match row {
            Row::Both(line) => (line, ' ', line),
            Row::Left(line) => (line, '<', ""),
            Row::Right(line) => ("", '>', line),
        };
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{}", format!("{one:width$}  {mark}  {other}").trim_end());
    }
    text
}

/// Aligns the lists along a longest common subsequence.
fn rows<'a>(left: &'a [String], right: &'a [String]) -> Vec<Row<'a>> {
    // common[i][j] is the length of the longest common subsequence of left[i..] and right[j..].
    let mut common = vec![vec![0_usize; right.len() + 1]; left.len() + 1];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            common[i][j] = if left[i] == right[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut rows = Vec::new();
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            rows.push(Row::Both(&left[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && common[i + 1][j] >= common[i][j + 1]) {
            rows.push(Row::Left(&left[i]));
            i += 1;
        } else {
            rows.push(Row::Right(&right[j]));
            j += 1;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn equal_lines_stand_on_one_height() {
        let text = side_by_side(&lines("oma disk1 disk2"), &lines("oma disk2 vm"));
        assert_eq!(text, "oma       oma\ndisk1  <\ndisk2     disk2\n       >  vm\n");
    }

    #[test]
    fn nothing_is_lost() {
        let (left, right) = (lines("a b c d"), lines("c a d e"));
        let rows = rows(&left, &right);
        let count = |wanted: fn(&Row<'_>) -> bool| rows.iter().filter(|row| wanted(row)).count();
        let both = count(|row| matches!(row, Row::Both(_)));
        assert_eq!(both + count(|row| matches!(row, Row::Left(_))), left.len());
        assert_eq!(both + count(|row| matches!(row, Row::Right(_))), right.len());
        assert_eq!(both, 2);
    }
}
