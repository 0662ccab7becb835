//! Trees that choose a code by what is known, and the codes at their ends.
//!
//! A tree grows where a question saves the most bits over all that was seen, until it has as many ends as it may: the bits
//! saved are those of ideal codes for what was seen on either side. Ends of all trees that expect much the same then share a
//! code: those two are joined that lose the least, until there are as few as there may be.

use protocol::snapshot::{AGE_CLASSES, EVIDENCE, EVIDENCE_NAMES, QUESTIONS_MAX};
use std::fmt::Write;

/// Classes that the values of one piece of evidence are put into, at most.
const BINS: usize = 80;
/// Thresholds that are tried in any case.
const ROUND: [i16; 11] = [-200, -64, -16, -4, -1, 0, 1, 4, 16, 64, 200];
/// Quantiles that are tried beside them.
const QUANTILES: usize = 64;
/// Sights on either side of a question, at least, and bits it saves: below, it is chance.
const SIDE_MIN: u32 = 200;
const SAVED_MIN: f64 = 120.0;

/// What was known, and what it turned out to be.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    pub age_class: u8,
    pub symbol: u8,
    pub evidence: [i16; EVIDENCE],
}

/// The tree of one field: a root for each class of age.
#[derive(Clone, Debug)]
pub struct Forest {
    nodes: Vec<Node>,
    /// How often each symbol was seen, by end.
    ends: Vec<Vec<f64>>,
}

#[derive(Clone, Copy, Debug)]
enum Node {
    /// Evidence, threshold, and where "no" stands; "yes" stands behind it.
    Question(usize, i16, usize),
    End(usize),
}

/// An end that may still become a question.
struct Bud {
    node: usize,
    depth: usize,
    sights: Vec<u32>,
    question: Question,
}

/// The best question at an end.
#[derive(Clone, Copy, Debug, Default)]
struct Question {
    saved: f64,
    evidence: usize,
    bin: u8,
}

/// Sights by column, evidence in classes.
struct Columns {
    bins: Vec<Vec<u8>>,
    /// By evidence: the largest value of each bin but the last.
    thresholds: Vec<Vec<i16>>,
    symbols: Vec<u8>,
    symbol_count: usize,
    /// n log2 n.
    bits: Vec<f64>,
}

impl Forest {
    /// Grows on these sights, whose symbols are below `symbol_count`, until there are `ends_max` ends.
    pub fn grow(sights: &[Sight], symbol_count: usize, ends_max: usize) -> Self {
        let columns = Columns::new(sights, symbol_count);
        let mut nodes = vec![Node::End(0); AGE_CLASSES];
        let mut buds: Vec<Bud> = (0..AGE_CLASSES)
            .map(|node| {
                let is_of = |&at: &u32| usize::from(sights[at as usize].age_class) == node;
                columns.bud(node, 0, (0..sights.len() as u32).filter(is_of).collect())
            })
            .collect();
        while buds.len() < ends_max
            && let Some(at) = best(&buds)
        {
            let Bud { node, depth, sights, question: Question { evidence, bin, .. } } = buds.swap_remove(at);
            let is_no = |&at: &u32| columns.bins[evidence][at as usize] <= bin;
            let (no, yes) = sights.into_iter().partition(is_no);
            let next = nodes.len();
            nodes[node] = Node::Question(evidence, columns.thresholds[evidence][usize::from(bin)], next);
            nodes.extend([Node::End(0); 2]);
            buds.push(columns.bud(next, depth + 1, no));
            buds.push(columns.bud(next + 1, depth + 1, yes));
        }
        let ends = buds.iter().enumerate().map(|(end, bud)| {
            nodes[bud.node] = Node::End(end);
            let mut counts = vec![0.0; symbol_count];
            bud.sights.iter().for_each(|&at| counts[usize::from(columns.symbols[at as usize])] += 1.0);
            counts
        });
        let ends = ends.collect();
        Self { nodes, ends }
    }

    /// A row of the file of tables for each class of age.
    pub fn rows(&self, name: &str) -> String {
        let mut text = String::new();
        for class in 0..AGE_CLASSES {
            let _ = write!(text, "tree {name} {class}");
            self.write(class, &mut text);
            text.push('\n');
        }
        text
    }

    fn write(&self, node: usize, text: &mut String) {
        match self.nodes[node] {
            Node::End(book) => {
                let _ = write!(text, " {book}");
            }
            Node::Question(evidence, threshold, next) => {
                let _ = write!(text, " {}>{threshold}", EVIDENCE_NAMES[evidence]);
                self.write(next, text);
                self.write(next + 1, text);
            }
        }
    }
}

fn best(buds: &[Bud]) -> Option<usize> {
    let (at, bud) = buds.iter().enumerate().max_by(|a, b| a.1.question.saved.total_cmp(&b.1.question.saved))?;
    (bud.question.saved >= SAVED_MIN).then_some(at)
}

impl Columns {
    fn new(sights: &[Sight], symbol_count: usize) -> Self {
        let (mut bins, mut thresholds) = (Vec::new(), Vec::new());
        for evidence in 0..EVIDENCE {
            let mut values: Vec<i16> = sights.iter().step_by(7).map(|sight| sight.evidence[evidence]).collect();
            values.sort_unstable();
            let quantile = |at: usize| values.get(at * values.len() / QUANTILES).copied();
            let mut tried: Vec<i16> = (1..QUANTILES).filter_map(quantile).chain(ROUND).collect();
            tried.sort_unstable();
            tried.dedup();
            let bin = |sight: &Sight| tried.partition_point(|&most| most < sight.evidence[evidence]) as u8;
            bins.push(sights.iter().map(bin).collect());
            thresholds.push(tried);
        }
        let symbols = sights.iter().map(|sight| sight.symbol).collect();
        let bits = (0..=sights.len()).map(|n| n as f64 * (n.max(1) as f64).log2()).collect();
        Self { bins, thresholds, symbols, symbol_count, bits }
    }

    fn bud(&self, node: usize, depth: usize, sights: Vec<u32>) -> Bud {
        let mut question = Question::default();
        if depth < QUESTIONS_MAX as usize && sights.len() >= 2 * SIDE_MIN as usize {
            for evidence in 0..EVIDENCE {
                self.ask(evidence, &sights, &mut question);
            }
        }
        Bud { node, depth, sights, question }
    }

    /// Tries all thresholds of one piece of evidence.
    fn ask(&self, evidence: usize, sights: &[u32], best: &mut Question) {
        let mut counts = vec![0_u32; BINS * self.symbol_count];
        let column = &self.bins[evidence];
        for &at in sights {
            counts[usize::from(column[at as usize]) * self.symbol_count + usize::from(self.symbols[at as usize])] += 1;
        }
        let mut yes = vec![0_u32; self.symbol_count];
        counts.chunks(self.symbol_count).for_each(|row| yes.iter_mut().zip(row).for_each(|(sum, count)| *sum += count));
        let mut no = vec![0_u32; self.symbol_count];
        let bits = |count: u32| self.bits[count as usize];
        let (mut told_no, mut told_yes) = (0, sights.len() as u32);
        let (mut saved_no, mut saved_yes): (f64, f64) = (0.0, yes.iter().map(|&count| bits(count)).sum());
        let whole = bits(told_yes) - saved_yes;
        for (bin, row) in counts.chunks(self.symbol_count).enumerate().take(self.thresholds[evidence].len()) {
            for ((no, yes), &count) in no.iter_mut().zip(&mut yes).zip(row).filter(|&(_, &count)| count > 0) {
                saved_no += bits(*no + count) - bits(*no);
                saved_yes -= bits(*yes) - bits(*yes - count);
                (*no, *yes) = (*no + count, *yes - count);
                (told_no, told_yes) = (told_no + count, told_yes - count);
            }
            let saved = whole - (bits(told_no) - saved_no) - (bits(told_yes) - saved_yes);
            if saved > best.saved && told_no.min(told_yes) >= SIDE_MIN {
                *best = Question { saved, evidence, bin: bin as u8 };
            }
        }
    }
}

/// Joins the ends of these trees until there are `books` codes, of which the trees then tell the numbers; returns how often
/// each symbol was seen in each.
pub fn gather(forests: &mut [Forest], books: usize) -> Vec<Vec<f64>> {
    let mut ends: Vec<Vec<f64>> = forests.iter().flat_map(|forest| forest.ends.iter().cloned()).collect();
    let symbols = ends.first().map_or(0, Vec::len);
    let owners = join(&mut ends, books);
    let mut kept: Vec<usize> = owners.clone();
    kept.sort_unstable();
    kept.dedup();
    let mut first = 0;
    for forest in forests {
        for node in &mut forest.nodes {
            if let Node::End(end) = node {
                *end = kept.partition_point(|&book| book < owners[first + *end]);
            }
        }
        first += forest.ends.len();
    }
    let mut books_seen: Vec<Vec<f64>> = kept.into_iter().map(|book| std::mem::take(&mut ends[book])).collect();
    books_seen.resize(books, vec![0.0; symbols]);
    books_seen
}

/// Adds ends to others until `left` are left; says for each which it was added to.
fn join(ends: &mut [Vec<f64>], left: usize) -> Vec<usize> {
    let bits = |n: f64| if n > 0.0 { n * n.log2() } else { 0.0 };
    let whole = |end: &[f64]| bits(end.iter().sum()) - end.iter().map(|&n| bits(n)).sum::<f64>();
    let both =
        |a: &[f64], b: &[f64]| bits(a.iter().chain(b).sum()) - a.iter().zip(b).map(|(a, b)| bits(a + b)).sum::<f64>();
    let mut alone: Vec<f64> = ends.iter().map(|end| whole(end)).collect();
    let mut owners: Vec<usize> = (0..ends.len()).collect();
    let mut alive: Vec<usize> = owners.clone();
    let lost = |ends: &[Vec<f64>], alone: &[f64], a: usize, b: usize| both(&ends[a], &ends[b]) - alone[a] - alone[b];
    let mut losses: Vec<Vec<f64>> =
        (0..ends.len()).map(|a| (0..a).map(|b| lost(ends, &alone, a, b)).collect()).collect();
    while alive.len() > left {
        let pairs = alive.iter().enumerate().flat_map(|(at, &a)| alive[..at].iter().map(move |&b| (a, b)));
        let Some((gone, kept)) = pairs.min_by(|x, y| losses[x.0][x.1].total_cmp(&losses[y.0][y.1])) else { break };
        let added = std::mem::take(&mut ends[gone]);
        ends[kept].iter_mut().zip(added).for_each(|(sum, count)| *sum += count);
        alone[kept] = whole(&ends[kept]);
        owners.iter_mut().filter(|owner| **owner == gone).for_each(|owner| *owner = kept);
        alive.retain(|&end| end != gone);
        for &other in alive.iter().filter(|&&other| other != kept) {
            losses[kept.max(other)][kept.min(other)] = lost(ends, &alone, kept, other);
        }
    }
    owners
}
