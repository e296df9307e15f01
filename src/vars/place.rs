//! From a place in a template to the place in the file it was written in.

use super::error::At;
use crate::source::Span;

/// The span of a part of a scalar: exact where the file shows the text as it is, else the scalar.
pub(in crate::vars) fn locate(scalar: &Span, text: &str, at: Option<At>) -> Span {
    let Some((start, end)) = at else {
        return scalar.clone();
    };
    let (start, end) = (start as usize, end as usize);
    let base = scalar.start as usize;
    let Some(raw) = scalar.file.text.get(base..scalar.end as usize) else {
        return scalar.clone();
    };
    let body = text.trim_end_matches('\n');
    if let Some(offset) = raw.find(body).filter(|_| !body.is_empty()) {
        let clip = |n: usize| base + offset + n.min(body.len());
        return Span::new(&scalar.file, clip(start), clip(end));
    }
    // A block scalar: its lines stand in the file with an indent.
    let Some(before) = text.get(..start.min(text.len())) else {
        return scalar.clone();
    };
    let number = before.matches('\n').count();
    let column = start - before.rfind('\n').map_or(0, |i| i + 1);
    let Some(line) = text
        .split('\n')
        .nth(number)
        .filter(|l| !l.trim().is_empty())
    else {
        return scalar.clone();
    };
    let nth = text.split('\n').take(number).filter(|l| *l == line).count();
    let mut found = raw.match_indices(line).map(|(i, _)| i);
    match found.nth(nth) {
        Some(offset) => {
            let from = base + offset + column;
            let rest = line.len().saturating_sub(column);
            Span::new(
                &scalar.file,
                from,
                from + (end.saturating_sub(start)).min(rest),
            )
        }
        None => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::locate;
    use crate::source::{File, Span};

    #[test]
    fn places_in_plain_and_block_scalars_are_exact() {
        let file = File::new("a.yml", "msg: \"{{ foo }}\"\nb: |\n  one\n  {{ bar }}\n");
        let plain = locate(&Span::new(&file, 5, 16), "{{ foo }}", Some((3, 6)));
        assert_eq!(plain.to_string(), "a.yml:1:10");
        let block = locate(&Span::new(&file, 20, 40), "one\n{{ bar }}\n", Some((7, 10)));
        assert_eq!(block.to_string(), "a.yml:4:6");
    }
}
