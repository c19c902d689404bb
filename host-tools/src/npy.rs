//! NumPy's `.npy` and `.npz` files: the arrays that models take and give.

use crate::file::{self, FileError, Unreadable};
use cognate::encoder::Element;
use npyz::{DType, NpyHeader, Order, TypeChar, WriterBuilder};
use std::fmt;
use std::io::{self, Cursor, Read};
use std::path::Path;
use zip::ZipArchive;

/// An array in row-major order.
#[derive(Clone, PartialEq, Debug)]
pub struct Array<T> {
    /// Elements along each axis.
    pub shape: Vec<usize>,
    /// The elements, the last axis running fastest.
    pub values: Vec<T>,
}

/// An array of a type that this tool uses.
#[derive(Clone, PartialEq, Debug)]
pub enum Numbers {
    /// Unsigned bytes: pixels.
    U8(Array<u8>),
    /// 32-bit floats: tensors and embeddings.
    F32(Array<f32>),
}

impl Numbers {
    /// Elements along each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::U8(array) => &array.shape,
            Self::F32(array) => &array.shape,
        }
    }
}

/// Reads an array of bytes or of floats; 64-bit ones are rounded to 32 bits. Of an `.npz` file it is the one array that has
/// two axes or more, or that of several which is called `embeddings` or `samples`.
///
/// # Errors
/// [`NpyProblem`] when the file cannot be read, is or has no such array, or is shorter or longer than its header says.
pub fn read(path: &Path) -> Result<Numbers, FileError<NpyProblem>> {
    let bytes = file::read(path).map_err(|error| FileError::new(path, NpyProblem::Unreadable(error.problem)))?;
    let is_archive = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
    let numbers = if is_archive { parse_archive(&bytes) } else { parse(&bytes) };
    numbers.map_err(|problem| FileError::new(path, problem))
}

/// What an array of an `.npz` file is to be called where there are several.
const NAMES: [&str; 2] = ["embeddings", "samples"];

fn parse_archive(bytes: &[u8]) -> Result<Numbers, NpyProblem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(NpyProblem::archive)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(NpyProblem::archive)?;
        let name = member.name().trim_end_matches(".npy").to_owned();
        let header = NpyHeader::from_reader(&mut member).map_err(NpyProblem::Header)?;
        found.push((index, name, header.shape().len()));
    }
    let matrices = || found.iter().filter(|(_, _, axes)| *axes > 1);
    let named = NAMES.iter().find_map(|wanted| matrices().find(|(_, name, _)| name == wanted));
    let only = || matrices().next().filter(|_| matrices().count() == 1);
    let Some(&(index, ..)) = named.or_else(only) else {
        return Err(NpyProblem::NoSuchArray(found.into_iter().map(|(_, name, _)| name).collect()));
    };
    let mut array = Vec::new();
    archive.by_index(index).map_err(NpyProblem::archive)?.read_to_end(&mut array).map_err(NpyProblem::Header)?;
    parse(&array)
}

/// An `.npy` file with `values` as rows of `columns` elements.
#[must_use]
pub fn matrix_bytes(values: &[f32], columns: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size_of_val(values) + 128);
    let shape = [values.len().checked_div(columns).unwrap_or(0) as u64, columns as u64];
    let written = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(&mut bytes)
        .begin_nd()
        .and_then(|mut writer| writer.extend(values.iter().copied()).and_then(|()| writer.finish()));
    written.expect("writing to memory does not fail");
    bytes
}

/// An `.npy` file of a tensor's bytes, integers of the core's that are little-endian as in memory.
#[must_use]
pub fn integer_bytes(bytes: &[u8], element: Element, shape: &[usize]) -> Vec<u8> {
    let shape: String = shape.iter().map(|axis| format!("{axis}, ")).collect();
    let mut header = format!("{{'descr': '<i{}', 'fortran_order': False, 'shape': ({shape}), }}", element.bytes());
    // Magic, version, length and header together are a multiple of 64, with a line feed at the end.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', length - 1 - header.len()).chain(['\n']));
    [b"\x93NUMPY\x01\0", &(length as u16).to_le_bytes()[..], header.as_bytes(), bytes].concat()
}

fn parse(mut bytes: &[u8]) -> Result<Numbers, NpyProblem> {
    let header = NpyHeader::from_reader(&mut bytes).map_err(NpyProblem::Header)?;
    if header.order() == Order::Fortran && header.shape().len() > 1 {
        return Err(NpyProblem::ColumnMajor);
    }
    let DType::Plain(dtype) = header.dtype() else {
        return Err(NpyProblem::ElementType(header.dtype().descr()));
    };
    let shape: Vec<usize> =
        header.shape().iter().map(|&n| usize::try_from(n).ok()).collect::<Option<_>>().ok_or(NpyProblem::TooLarge)?;
    match (dtype.type_char(), dtype.size_field()) {
        (TypeChar::Uint, 1) => elements(header, shape, bytes, 1).map(Numbers::U8),
        (TypeChar::Float, 4) => elements(header, shape, bytes, 4).map(Numbers::F32),
        (TypeChar::Float, 8) => {
            let Array { shape, values } = elements::<f64>(header, shape, bytes, 8)?;
            Ok(Numbers::F32(Array { shape, values: values.into_iter().map(|value| value as f32).collect() }))
        }
        _ => Err(NpyProblem::ElementType(header.dtype().descr())),
    }
}

/// The elements, once it is known that the header promises just as many as there are.
fn elements<T: npyz::Deserialize>(
    header: NpyHeader,
    shape: Vec<usize>,
    bytes: &[u8],
    element_bytes: usize,
) -> Result<Array<T>, NpyProblem> {
    let expected = shape.iter().try_fold(element_bytes, |product, &n| product.checked_mul(n));
    let expected = expected.ok_or(NpyProblem::TooLarge)?;
    if expected != bytes.len() {
        return Err(NpyProblem::Length { expected, found: bytes.len() });
    }
    let values = npyz::NpyFile::with_header(header, bytes).into_vec().map_err(NpyProblem::Header)?;
    Ok(Array { shape, values })
}

/// Why a file is not an array that this tool can use.
#[derive(Debug)]
pub enum NpyProblem {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It does not begin as an `.npy` file does.
    Header(io::Error),
    /// Elements of another type.
    ElementType(String),
    /// Not an archive; in the decoder's words.
    Archive(String),
    /// An archive without the array, or with several that could be it; the names of those that it has.
    NoSuchArray(Vec<String>),
    /// Stored by columns.
    ColumnMajor,
    /// More elements than can be addressed.
    TooLarge,
    /// Cut short, or followed by something else.
    Length {
        /// Bytes of the elements that the header promises.
        expected: usize,
        /// Bytes that follow the header.
        found: usize,
    },
}

impl NpyProblem {
    fn archive(error: zip::result::ZipError) -> Self {
        Self::Archive(error.to_string())
    }
}

impl fmt::Display for NpyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Header(error) => write!(f, "this is not an .npy file ({error}): write it with numpy.save"),
            Self::ElementType(found) => write!(
                f,
                "its elements have type {found}: save them as float32 (tensors, embeddings) or uint8 (images) with \
                 array.astype"
            ),
            Self::Archive(reason) => write!(f, "this is not an .npz file ({reason}): write it with numpy.savez"),
            Self::NoSuchArray(names) => write!(
                f,
                "it has {} arrays ({}), and not just one of two axes or more: save the one to be read as `embeddings` or \
                 `samples`",
                names.len(),
                names.join(", ")
            ),
            Self::ColumnMajor => f.write_str("it is stored by columns: save numpy.ascontiguousarray(array) instead"),
            Self::TooLarge => f.write_str("its header promises more elements than there can be: write it again"),
            Self::Length { expected, found } => {
                write!(
                    f,
                    "its header promises {expected} bytes of elements, but {found} follow: write or copy it again"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_comes_back() {
        let bytes = matrix_bytes(&[1.0, -2.5, 3.0, 0.0, 5.0, 6.0], 3);
        let expected = Array { shape: vec![2, 3], values: vec![1.0, -2.5, 3.0, 0.0, 5.0, 6.0] };
        assert_eq!(parse(&bytes).unwrap(), Numbers::F32(expected));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = matrix_bytes(&[1.0; 6], 3);
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_err(), "{length} bytes were accepted");
        }
    }

    /// A file with this header, and elements that are zero.
    fn file(header: &str, bytes: usize) -> Vec<u8> {
        let length = u16::try_from(header.len() + 1).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), b"\n", &vec![0; bytes]].concat()
    }

    #[test]
    fn arrays_of_other_kinds_are_refused() {
        let header = |descr: &str, fortran: &str, shape: &str| {
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}")
        };
        let problem = |header: String, bytes| parse(&file(&header, bytes)).map_err(|problem| problem.to_string());
        assert!(problem(header("<f4", "False", "(2, 3)"), 24).is_ok());
        let immense = problem(header("<f4", "False", "(4294967296, 4294967296)"), 24).unwrap_err();
        assert!(immense.contains("more elements than there can be"), "{immense}");
        assert!(problem(header(">f4", "False", "(2, 3)"), 24).is_ok(), "big-endian floats are read too");
        assert!(problem(header("<f8", "False", "(2, 3)"), 48).is_ok(), "64-bit floats are rounded");
        assert!(problem(header("<f2", "False", "(2, 3)"), 12).unwrap_err().contains("elements have type '<f2'"));
        assert!(problem(header("<i8", "False", "(2,)"), 16).unwrap_err().contains("save them as float32"));
        assert!(problem(header("<f4", "True", "(2, 3)"), 24).unwrap_err().contains("stored by columns"));
        let shape = "(4611686018427387904,)";
        assert!(problem(header("<f4", "False", shape), 24).unwrap_err().contains("more elements than there can be"));
    }

    /// An archive of these files.
    fn archive(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        for (name, bytes) in members {
            writer.start_file(*name, options).unwrap();
            io::Write::write_all(&mut writer, bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn an_archive_gives_the_array_that_is_meant() {
        let (matrix, other) = (matrix_bytes(&[1.0, 2.0], 2), matrix_bytes(&[3.0, 4.0, 5.0], 3));
        let vector = file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);
        for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
            let read = |members: &[(&str, &[u8])]| parse_archive(&archive(members, method));
            let first = parse(&matrix).unwrap();
            assert_eq!(read(&[("arr_0.npy", &matrix)]).unwrap(), first);
            assert_eq!(read(&[("labels.npy", &vector), ("x.npy", &matrix)]).unwrap(), first);
            assert_eq!(read(&[("x.npy", &other), ("embeddings.npy", &matrix)]).unwrap(), first);
            for members in [&[("x.npy", &*matrix), ("y.npy", &*other)][..], &[("labels.npy", &vector)], &[]] {
                let names: Vec<&str> = members.iter().map(|(name, _)| name.trim_end_matches(".npy")).collect();
                let expected = format!("it has {} arrays ({})", members.len(), names.join(", "));
                let error = read(members).unwrap_err().to_string();
                assert!(error.starts_with(&expected), "{error}");
            }
            let whole = archive(&[("x.npy", &matrix)], method);
            for length in 0..whole.len() {
                assert!(parse_archive(&whole[..length]).is_err(), "{length} bytes were accepted");
            }
            assert!(read(&[("x.npy", b"text")]).unwrap_err().to_string().contains("this is not an .npy file"));
        }
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused_before_anything_is_reserved() {
        let mut bytes = matrix_bytes(&[1.0; 6], 3);
        let place = bytes.windows(2).position(|window| window == b"(2").expect("the shape stands in the header");
        bytes[place + 1] = b'9';
        assert!(matches!(parse(&bytes), Err(NpyProblem::Length { expected: 108, found: 24 })));
    }
}
