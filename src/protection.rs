//! Protected templates: a stolen gallery that cannot be compared with another one, at no cost in accuracy.
//!
//! A secret key gives an order of a code's elements and a sign for each. Applied to both sides of a comparison, they change
//! neither a dot product nor a length, so that every score is exactly what it was, in every form of code, for centroids,
//! queries and filters too. Applied with two keys, what is left is unrelated: templates of two keys are of two
//! [`Space`]s, and comparing them is an error. A gallery whose key is known to a thief gets another
//! ([`Gallery::rekey`]), and nobody has to be enrolled again.
//!
//! **What it does not protect from.** It is no encryption and cannot be: it keeps all distances, so that whoever has the
//! gallery sees how alike its templates are among each other. Who has the key has the templates, so keep it where the
//! gallery's readers cannot read: a key in the same flash protects from nothing but mixing up devices. Who knows
//! enough samples that are enrolled, as templates before they were protected, can solve for the order and the signs: about
//! as many as a code has bits for an element's place, log₂ D. And it does not make a template unusable for whoever holds the
//! device itself. In the terms of ISO/IEC 24745 it gives renewability and, against those without the key, unlinkability; not
//! irreversibility against those with it.

use crate::gallery::{Filter, Gallery};
use crate::space::{Space, SpaceMismatch};
use crate::template::{AsTemplate, Template, TemplateRef};
use crate::{MAX_DIMENSION, ModelDigest};
use core::fmt;
use hmac_sha256::HMAC;

/// The bit of a place that turns an element's sign.
const SIGN: u16 = 1 << 15;

/// What is derived from a key has a name, so that one key can serve for more.
const SPACE: &[u8] = b"cognate protection: space";
const ORDER: &[u8] = b"cognate protection: order";

/// A secret key: 32 bytes that nobody can guess, of the device's random number generator or of `cognate protect --new-key`.
#[derive(Clone, Copy)]
pub struct ProtectionKey([u8; ProtectionKey::BYTES]);

impl ProtectionKey {
    /// Bytes of a key.
    pub const BYTES: usize = 32;

    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

/// It says nothing of itself, so that no log has it.
impl fmt::Debug for ProtectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProtectionKey(..)")
    }
}

/// A key at work on the templates of one space.
///
/// ```
/// use cognate::protection::{Protection, ProtectionKey};
/// use cognate::{Embedding, ModelDigest, Space, Template, similarity::cosine};
/// let space = Space::full(ModelDigest::new([7; 16]));
/// let template = |values: [f32; 3]| Template::new(&Embedding::new(values).unwrap(), space);
/// let (a, b) = (template([0.6, -0.8, 0.1]), template([0.5, 0.2, -0.4]));
///
/// let mut order = [0; 3];
/// let protection = Protection::new(&ProtectionKey::new([42; 32]), space, &mut order)?;
/// let (protected_a, protected_b) = (protection.protect(&a)?, protection.protect(&b)?);
/// assert_eq!(cosine(&protected_a, &protected_b), cosine(&a, &b));
/// assert!(cosine(&protected_a, &b).is_err()); // of two spaces
/// assert_eq!(protection.reveal(&protected_a)?, a);
/// # Ok::<(), cognate::protection::ProtectionError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Protection<'a> {
    /// For each element of a protected code, which one of the code it is, and [`SIGN`] where its sign is turned.
    order: &'a [u16],
    revealed: Space,
    protected: Space,
}

impl<'a> Protection<'a> {
    /// Derives order and signs for templates of a space into `order`, as many as they have elements.
    ///
    /// # Errors
    /// [`ProtectionError::Dimension`] for none, and more than [`MAX_DIMENSION`].
    pub fn new(key: &ProtectionKey, revealed: Space, order: &'a mut [u16]) -> Result<Self, ProtectionError> {
        let dimension = order.len();
        if dimension == 0 || dimension > MAX_DIMENSION {
            return Err(ProtectionError::Dimension { expected: MAX_DIMENSION, found: dimension });
        }
        // Another model, another order: what was found out about one says nothing of the next.
        let mut numbers = Numbers::new(key, revealed.model);
        order.iter_mut().zip(0..).for_each(|(place, index)| *place = index);
        // Fisher and Yates, from the end (Durstenfeld, 1964).
        for last in (1..dimension).rev() {
            order.swap(last, numbers.below(last as u16 + 1).into());
        }
        order.iter_mut().for_each(|place| *place |= numbers.next() & SIGN);
        let [digest, _] = hmac(key, SPACE, revealed.model, 0);
        let protected = Space { model: ModelDigest::new(digest), ..revealed };
        Ok(Self { order, revealed, protected })
    }

    /// The space of what it protects.
    #[must_use]
    pub const fn revealed_space(&self) -> Space {
        self.revealed
    }

    /// The space of protected templates: another for each key.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.protected
    }

    /// A protected template.
    ///
    /// # Errors
    /// [`ProtectionError::Space`] when the template is not of the space that the protection is for, and
    /// [`ProtectionError::Dimension`].
    pub fn protect<const D: usize>(&self, template: &Template<D>) -> Result<Template<D>, ProtectionError> {
        let mut code = [0; D];
        self.protect_code(template.as_ref(), &mut code)?;
        Ok(Template::from_parts(code, template.factor(), self.protected))
    }

    /// The template that was protected.
    ///
    /// # Errors
    /// [`ProtectionError::Space`] when it was not protected with this key, and [`ProtectionError::Dimension`].
    pub fn reveal<const D: usize>(&self, template: &Template<D>) -> Result<Template<D>, ProtectionError> {
        let mut code = [0; D];
        self.reveal_code(template.as_ref(), &mut code)?;
        Ok(Template::from_parts(code, template.factor(), self.revealed))
    }

    /// [`Protection::protect`] for a dimension known only at run time.
    ///
    /// # Errors
    /// As there; `code`, too, has the template's dimension.
    pub fn protect_code(&self, template: TemplateRef<'_>, code: &mut [i8]) -> Result<(), ProtectionError> {
        self.check(self.revealed, template, code.len())?;
        for (place, element) in self.order.iter().zip(code) {
            *element = turned(*place, template.code().get(index(*place)));
        }
        Ok(())
    }

    /// [`Protection::reveal`] for a dimension known only at run time.
    ///
    /// # Errors
    /// As there; `code`, too, has the template's dimension.
    pub fn reveal_code(&self, template: TemplateRef<'_>, code: &mut [i8]) -> Result<(), ProtectionError> {
        self.check(self.protected, template, code.len())?;
        for (place, element) in self.order.iter().zip(template.code()) {
            if let Some(revealed) = code.get_mut(index(*place)) {
                *revealed = turned(*place, Some(element));
            }
        }
        Ok(())
    }

    fn check(&self, space: Space, template: TemplateRef<'_>, room: usize) -> Result<(), ProtectionError> {
        space.require(template.space()).map_err(ProtectionError::Space)?;
        for found in [template.dimension(), room] {
            if found != self.order.len() {
                return Err(ProtectionError::Dimension { expected: self.order.len(), found });
            }
        }
        Ok(())
    }
}

/// It says nothing of its order.
impl fmt::Debug for Protection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protection({} elements, {:?})", self.order.len(), self.protected)
    }
}

fn index(place: u16) -> usize {
    usize::from(place & !SIGN)
}

/// Codes are −127 to 127, so that each has its opposite.
fn turned(place: u16, element: Option<&i8>) -> i8 {
    let element = element.copied().unwrap_or_default();
    if place & SIGN == 0 { element } else { element.wrapping_neg() }
}

impl<const D: usize, const N: usize, F: Filter<D>> Gallery<D, N, F> {
    /// Changes the key: every template is revealed by the old protection and protected by the new one, in its place. The
    /// gallery is then in the new protection's space; whatever else is kept of the old one, such as a cohort, has to
    /// change, too.
    ///
    /// # Errors
    /// [`ProtectionError::Space`] when the gallery was not protected by the old one, or the two are not for templates of one
    /// space; [`ProtectionError::Dimension`]. The gallery is then as it was.
    pub fn rekey(&mut self, old: &Protection<'_>, new: &Protection<'_>) -> Result<(), ProtectionError> {
        old.protected.require(crate::Scan::space(self)).map_err(ProtectionError::Space)?;
        old.revealed.require(new.revealed).map_err(ProtectionError::Space)?;
        for found in [old.order.len(), new.order.len()] {
            if found != D {
                return Err(ProtectionError::Dimension { expected: D, found });
            }
        }
        self.recode(new.protected, |template| {
            old.reveal(template).and_then(|revealed| new.protect(&revealed)).unwrap_or(*template)
        });
        Ok(())
    }
}

/// What HMAC-SHA-256 (RFC 2104) makes of a key, a name, a model and a counter.
fn hmac(key: &ProtectionKey, name: &[u8], model: ModelDigest, counter: u32) -> [[u8; 16]; 2] {
    let mut hmac = HMAC::new(key.0);
    hmac.update(name);
    hmac.update(model.as_bytes());
    hmac.update(counter.to_le_bytes());
    let digest = hmac.finalize();
    let (halves, _) = digest.as_chunks();
    [halves.first().copied().unwrap_or_default(), halves.last().copied().unwrap_or_default()]
}

/// Numbers of 16 bits that only the key can tell: HMAC in counter mode (NIST SP 800-108).
struct Numbers<'a> {
    key: &'a ProtectionKey,
    model: ModelDigest,
    counter: u32,
    block: [[u8; 16]; 2],
    used: usize,
}

impl<'a> Numbers<'a> {
    fn new(key: &'a ProtectionKey, model: ModelDigest) -> Self {
        Self { key, model, counter: 0, block: hmac(key, ORDER, model, 0), used: 0 }
    }

    fn next(&mut self) -> u16 {
        loop {
            let left = self.block.as_flattened().get(self.used..).and_then(<[u8]>::first_chunk);
            if let Some(bytes) = left {
                self.used += 2;
                return u16::from_le_bytes(*bytes);
            }
            self.counter = self.counter.wrapping_add(1);
            (self.block, self.used) = (hmac(self.key, ORDER, self.model, self.counter), 0);
        }
    }

    /// A number below a bound, each as likely as the others: what would make some likelier is drawn again.
    fn below(&mut self, bound: u16) -> u16 {
        let bound = bound.max(1);
        let whole = u16::MAX - u16::MAX.checked_rem(bound).unwrap_or_default();
        loop {
            let number = self.next();
            if number < whole {
                return number.checked_rem(bound).unwrap_or_default();
            }
        }
    }
}

/// Why a template was not protected or revealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ProtectionError {
    /// It is of another space: of another model, of another key, or protected where it should not be.
    Space(SpaceMismatch),
    /// It has another dimension.
    Dimension {
        /// The protection's, or the greatest that there is.
        expected: usize,
        /// The template's.
        found: usize,
    },
}

impl fmt::Display for ProtectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space(mismatch) => write!(f, "{mismatch}, or use the key that it was protected with"),
            Self::Dimension { expected, found } => {
                write!(f, "a protection for {expected} elements has no use for {found}: derive one for this dimension")
            }
        }
    }
}

impl core::error::Error for ProtectionError {}
