//! Reads fields off a payload as rules say, and never beyond its end.

use super::rule::{Cond, Count, Len, Rule};
use super::{Field, Shown, Value};
use tapo_bmff::FourCc;

/// Bytes of a field that are kept.
const BYTES: usize = 1024;

/// Why reading ended.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The box is too short for its fields.
    Short,
    /// The rest of the box was not looked at.
    Clipped,
}

/// A payload that is being read, bit by bit.
pub(super) struct Reader<'a> {
    /// The payload, or the head of it.
    bytes: &'a [u8],
    /// Bits of all the payload.
    bits: u64,
    /// Bits read.
    at: u64,
    pub(super) version: u8,
    pub(super) flags: u32,
    end: Option<End>,
    /// Items of a list that are kept.
    shown: Shown,
    /// The fields read so far; those of records in front of those around them.
    scopes: Vec<Vec<Field>>,
}

impl<'a> Reader<'a> {
    /// Reads a payload of `len` bytes, of which `bytes` are the first; of each list, so many items are kept.
    pub(super) fn new(bytes: &'a [u8], len: u64, shown: Shown) -> Self {
        Self {
            bytes,
            bits: len.saturating_mul(8),
            at: 0,
            version: 0,
            flags: 0,
            end: None,
            shown,
            scopes: vec![Vec::new()],
        }
    }

    /// Bytes read, and why not all were; the fields.
    pub(super) fn finish(mut self) -> (u64, Option<End>, Vec<Field>) {
        let fields = self.scopes.pop().unwrap_or_default();
        (self.at.div_ceil(8), self.end, fields)
    }

    pub(super) fn full_box(&mut self) -> Option<()> {
        self.version = u8::try_from(self.number(8)?).ok()?;
        self.push("version", Value::Int(self.version.into()));
        self.flags = u32::try_from(self.number(24)?).ok()?;
        self.push("flags", Value::Int(self.flags.into()));
        Some(())
    }

    pub(super) fn run(&mut self, rules: &[Rule]) -> Option<()> {
        rules.iter().try_for_each(|rule| self.rule(rule))
    }

    pub(super) fn push(&mut self, name: &'static str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push((name, value));
        }
    }

    /// All bytes that are there, read or not.
    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes left in the payload.
    pub(super) const fn left(&self) -> u64 {
        self.bits.saturating_sub(self.at) / 8
    }

    /// Checks that `bits` more can be read.
    fn room(&mut self, bits: u64) -> Option<()> {
        let end = self.at.saturating_add(bits);
        if end > self.bits {
            self.end = Some(End::Short);
        } else if end > (self.bytes.len() as u64).saturating_mul(8) {
            self.end = Some(End::Clipped);
        } else {
            return Some(());
        }
        None
    }

    /// The next number, of up to 64 bits.
    pub(super) fn number(&mut self, bits: u32) -> Option<u64> {
        self.room(bits.into())?;
        let mut value = 0_u64;
        let mut left = bits;
        while left > 0 {
            let byte = *self.bytes.get(usize::try_from(self.at / 8).ok()?)?;
            let used = u32::try_from(self.at % 8).ok()?;
            let take = left.min(8 - used);
            let part = u64::from(byte) >> (8 - used - take) & ((1 << take) - 1);
            value = value << take | part;
            self.at += u64::from(take);
            left -= take;
        }
        Some(value)
    }

    /// The next bytes, which start at a whole byte.
    pub(super) fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        self.at = self.at.next_multiple_of(8);
        let at = usize::try_from(self.at / 8).ok()?;
        let there = self.bytes.get(at..).unwrap_or_default();
        let bits = len.saturating_mul(8);
        if self.room(bits).is_none() {
            // What is there of a box that ends early, or was not read to its end.
            self.at = self.bits.min(self.at + there.len() as u64 * 8);
            return None;
        }
        self.at += bits;
        there.get(..usize::try_from(len).ok()?)
    }

    /// An earlier field as a number.
    pub(super) fn known(&self, name: &str) -> Option<u64> {
        let fields = self.scopes.iter().rev().flat_map(|s| s.iter().rev());
        let (_, value) = fields.into_iter().find(|(n, _)| *n == name)?;
        match value {
            Value::Int(n) => Some(*n),
            Value::Code(code) => Some(u32::from_be_bytes(code.0).into()),
            _ => None,
        }
    }

    fn holds(&self, cond: &Cond) -> bool {
        match *cond {
            Cond::Version(version) => self.version == version,
            Cond::From(version) => self.version >= version,
            Cond::Below(version) => self.version < version,
            Cond::Flag(mask) => self.flags & mask != 0,
            Cond::NoFlag(mask) => self.flags & mask == 0,
            Cond::Is(name, value) => self.known(name) == Some(value),
            Cond::Not(name, value) => self.known(name).is_some_and(|n| n != value),
            Cond::Bits(name, mask) => self.known(name).is_some_and(|n| n & mask != 0),
            Cond::Type(name, code) => self.known(name) == Some(u32::from_be_bytes(*code).into()),
            Cond::Left(bytes) => self.left() >= bytes,
            Cond::All(all) => all.iter().all(|c| self.holds(c)),
        }
    }

    fn rule(&mut self, rule: &Rule) -> Option<()> {
        let wide = if self.version == 1 { 64 } else { 32 };
        let (name, value) = match *rule {
            Rule::Uint(name, bits) => (name, Value::Int(self.number(bits)?)),
            Rule::Int(name, bits) => (name, Value::Signed(self.signed(bits)?)),
            Rule::By {
                name,
                field,
                more,
                unit,
            } => {
                let units = self.known(field)?.saturating_add(more);
                let bits = u32::try_from(units.saturating_mul(unit)).ok()?;
                let bits = (bits <= 64).then_some(bits)?;
                (name, Value::Int(self.number(bits)?))
            }
            Rule::Fixed(name, bits, point) => (name, fixed(self.signed(bits)?, point)),
            Rule::Ufixed(name, bits, point) => {
                let number = i64::try_from(self.number(bits)?).ok()?;
                (name, fixed(number, point))
            }
            Rule::Float(name) => {
                let bits = u32::try_from(self.number(32)?).ok()?;
                (name, Value::Fixed(f32::from_bits(bits).into()))
            }
            Rule::Double(name) => (name, Value::Fixed(f64::from_bits(self.number(64)?))),
            Rule::Ticks(name) => (name, Value::Int(self.number(wide)?)),
            Rule::SignedTicks(name) => (name, Value::Signed(self.signed(wide)?)),
            Rule::Date(name) => (name, Value::Date(self.number(wide)?)),
            Rule::Code(name) => {
                let code = u32::try_from(self.number(32)?).ok()?;
                (name, Value::Code(FourCc(code.to_be_bytes())))
            }
            Rule::Uuid(name) => (name, Value::Uuid(*self.take(16)?.first_chunk()?)),
            Rule::Language(name) => (name, language(self.number(16)?)),
            Rule::Bytes(name, len) => return self.blob(name, len, false),
            Rule::Text(name, len) => return self.blob(name, len, true),
            Rule::Skip(bits) => {
                self.room(bits)?;
                self.at += bits;
                return Some(());
            }
            Rule::If(cond, rules) => {
                return if self.holds(&cond) {
                    self.run(rules)
                } else {
                    Some(())
                };
            }
            Rule::List(name, count, rules) => return self.list(name, count, rules),
            Rule::Call(read) => return read(self),
        };
        self.push(name, value);
        Some(())
    }

    fn signed(&mut self, bits: u32) -> Option<i64> {
        let number = self.number(bits)?;
        let unused = 64_u32.checked_sub(bits)?;
        Some((number << unused).cast_signed() >> unused)
    }

    fn blob(&mut self, name: &'static str, len: Len, text: bool) -> Option<()> {
        let len = match len {
            Len::Of(len) => len,
            Len::By(field) => self.known(field)?,
            Len::Less(field, less) => self.known(field)?.saturating_sub(less),
            Len::Prefixed(bits) => self.number(bits)?,
            Len::Pascal(size) => return self.pascal(name, size),
            Len::Null => self.to_null(),
            Len::Rest => self.left(),
        };
        let from = usize::try_from(self.at.div_ceil(8)).ok()?;
        let whole = self.take(len);
        let there = whole.unwrap_or_else(|| self.bytes.get(from..).unwrap_or_default());
        if whole.is_none() && there.is_empty() {
            return None;
        }
        let value = if text {
            let end = there.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
            Value::Text(there.get(..end).unwrap_or_default().to_vec())
        } else {
            let head = there.get(..BYTES).unwrap_or(there).to_vec();
            Value::Bytes { head, len }
        };
        self.push(name, value);
        whole.map(|_| ())
    }

    /// Bytes up to a zero, and that; or all there is.
    fn to_null(&self) -> u64 {
        let at = usize::try_from(self.at.div_ceil(8)).unwrap_or(usize::MAX);
        let there = self.bytes.get(at..).unwrap_or_default();
        let zero = there.iter().position(|b| *b == 0);
        zero.map_or_else(|| self.left(), |at| at as u64 + 1)
    }

    fn pascal(&mut self, name: &'static str, size: u64) -> Option<()> {
        let (len, text) = self.take(size)?.split_first()?;
        let text = text.get(..usize::from(*len)).unwrap_or(text);
        self.push(name, Value::Text(text.to_vec()));
        Some(())
    }

    fn list(&mut self, name: &'static str, count: Count, rules: &[Rule]) -> Option<()> {
        let declared = match count {
            Count::Of(count) => Some(count),
            Count::By(field) => Some(self.known(field)?),
            Count::More(field, more) => Some(self.known(field)?.saturating_add(more)),
            Count::Rest => None,
        };
        let start = self.at;
        let is_even = rules.iter().all(Rule::is_even);
        let (mut shown, mut read) = (Vec::new(), 0);
        let mut ended = None;
        while declared.is_none_or(|n| read < n) {
            let from = self.at;
            if declared.is_none() && from >= self.bits {
                break;
            }
            self.scopes.push(Vec::new());
            ended = self.run(rules).is_none().then_some(self.end);
            let fields = self.scopes.pop().unwrap_or_default();
            // Items without a bit would never end.
            if ended.is_some() || self.at == from {
                break;
            }
            read += 1;
            let item = item(fields);
            let most = match item {
                Value::Record(_) => self.shown.records,
                _ => self.shown.values,
            };
            if shown.len() < most {
                shown.push(item);
            }
            if is_even && shown.len() == most {
                // All others are as long, as far as they are there.
                let item = self.at - from;
                let there = self.bits.min((self.bytes.len() as u64).saturating_mul(8));
                let fit = there.saturating_sub(self.at) / item;
                let skipped = fit.min(declared.map_or(u64::MAX, |n| n - read));
                self.at += skipped * item;
                read += skipped;
            }
        }
        let count = match (declared, ended) {
            (Some(count), _) => Some(count),
            (None, None | Some(Some(End::Short) | None)) => Some(read),
            (None, Some(Some(End::Clipped))) => {
                // As many as fit, if all are as long as those read.
                let all = (self.at - start).checked_div(read);
                all.filter(|bits| is_even && *bits > 0)
                    .map(|bits| (self.bits - start) / bits)
            }
        };
        self.push(name, Value::List { shown, count });
        if ended.is_some() { None } else { Some(()) }
    }
}

impl Rule {
    /// Whether it takes as many bits in each item of a list.
    const fn is_even(&self) -> bool {
        match self {
            Self::If(cond, _) => matches!(
                cond,
                Cond::Version(_) | Cond::From(_) | Cond::Below(_) | Cond::Flag(_) | Cond::NoFlag(_)
            ),
            Self::Bytes(_, len) | Self::Text(_, len) => matches!(len, Len::Of(_)),
            Self::By { .. } | Self::List(..) | Self::Call(_) => false,
            _ => true,
        }
    }
}

/// A value where it has no name, else a record.
fn item(mut fields: Vec<Field>) -> Value {
    match fields.as_mut_slice() {
        [("", value)] => std::mem::replace(value, Value::Int(0)),
        _ => Value::Record(fields),
    }
}

fn fixed(number: i64, point: u32) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "fields have 32 bits")]
    let number = number as f64;
    Value::Fixed(number / f64::from(point).exp2())
}

/// Three letters of ISO 639-2, five bits each, or a Macintosh code (QTFF "Language
/// Code Values").
fn language(packed: u64) -> Value {
    let letter = |shift: u32| u8::try_from(packed >> shift & 0x1f).unwrap_or(0) + 0x60;
    let letters = vec![letter(10), letter(5), letter(0)];
    if packed >= 0x400 && letters.iter().all(u8::is_ascii_lowercase) {
        Value::Text(letters)
    } else {
        Value::Int(packed)
    }
}
