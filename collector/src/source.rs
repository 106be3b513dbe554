//! Where rows come from: a file, or a stream that is kept in case it has to be read again. Compressed or not; its first bytes
//! tell.

use crate::error::Code;
use crate::progress::Progress;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use tempfile::SpooledTempFile;

/// How much of a stream is kept in memory; what is beyond goes to a file without a name.
const KEPT: usize = 64 << 20;
/// Input is read in pieces of this size: 256 KiB, which a processor's cache holds.
const BUFFER: usize = 256 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// An input that can be read from its beginning again and again.
pub struct Source<'a> {
    inner: Inner<'a>,
    progress: Option<Progress>,
}

enum Inner<'a> {
    File(File),
    Stream { input: Box<dyn Read + 'a>, kept: SpooledTempFile, length: u64 },
}

impl<'a> Source<'a> {
    /// A file, of which this beginning was read already. What can't be read twice, such as a pipe, is kept like a stream.
    pub fn of_file(mut file: File, start: Vec<u8>) -> Self {
        match file.seek(SeekFrom::Start(0)) {
            Ok(_) => Self { inner: Inner::File(file), progress: None },
            Err(_) => Self::stream(Cursor::new(start).chain(file)),
        }
    }

    /// Anything else. What is read of it is kept.
    pub fn stream(input: impl Read + 'a) -> Self {
        let kept = SpooledTempFile::new(KEPT);
        Self { inner: Inner::Stream { input: Box::new(input), kept, length: 0 }, progress: None }
    }

    /// Shows how far the reading is, if there is a terminal to show it on.
    pub fn with_progress(mut self) -> Self {
        let size = if let Inner::File(file) = &self.inner { file.metadata().ok().map(|data| data.len()) } else { None };
        self.progress = Progress::on_terminal(size);
        self
    }

    /// Reads it as it is, from the beginning.
    ///
    /// # Errors
    /// What the file says.
    pub fn open(&mut self) -> io::Result<impl BufRead + '_> {
        match &mut self.inner {
            Inner::File(file) => drop(file.seek(SeekFrom::Start(0))?),
            Inner::Stream { kept, .. } => drop(kept.seek(SeekFrom::Start(0))?),
        }
        Ok(BufReader::with_capacity(BUFFER, Reader { source: self, at: 0 }))
    }

    /// It as a file that can be read anywhere.
    ///
    /// # Errors
    /// What the file says.
    pub fn file(&mut self) -> io::Result<File> {
        if let Inner::File(file) = &self.inner {
            return file.try_clone();
        }
        let mut file = tempfile::tempfile()?;
        io::copy(&mut self.open()?, &mut file)?;
        Ok(file)
    }

    /// Reads what is in it, unpacked.
    ///
    /// # Errors
    /// What the file says.
    pub fn unpacked(&mut self) -> io::Result<Box<dyn BufRead + '_>> {
        unpack(self.open()?)
    }
}

/// Unpacks an input if it is packed.
///
/// # Errors
/// What the input says.
pub fn unpack<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut start = Vec::new();
    input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut start)?;
    let (is_gzip, is_zstd) = (start.starts_with(GZIP), start.starts_with(ZSTD));
    let input = Cursor::new(start).chain(input);
    Ok(if is_gzip {
        Box::new(BufReader::new(Unpack { inner: MultiGzDecoder::new(input), code: Code::MalformedGzip }))
    } else if is_zstd {
        Box::new(BufReader::new(Unpack {
            inner: Frames { state: Some(State::Between(Box::new(input))) },
            code: Code::MalformedZstd,
        }))
    } else {
        Box::new(input)
    })
}

struct Reader<'s, 'a> {
    source: &'s mut Source<'a>,
    at: u64,
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.source.inner {
            Inner::File(file) => file.read(buffer)?,
            Inner::Stream { kept, length, .. } if self.at < *length => kept.read(buffer)?,
            Inner::Stream { input, kept, length } => {
                let read = input.read(buffer)?;
                kept.write_all(buffer.get(..read).unwrap_or_default())?;
                *length += read as u64;
                read
            }
        };
        self.at += read as u64;
        if let Some(progress) = &mut self.source.progress {
            progress.show(self.at);
        }
        Ok(read)
    }
}

/// Says of damaged data that it is that, and not that it can't be read.
struct Unpack<R> {
    inner: R,
    code: Code,
}

impl<R: Read> Read for Unpack<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                io::Error::other(self.code)
            }
            _ => error,
        })
    }
}

/// Zstandard, of which a file may hold several frames one after the other.
struct Frames<R: Read> {
    state: Option<State<R>>,
}

enum State<R: Read> {
    Between(R),
    Within(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        loop {
            match self.state.take() {
                None => return Ok(0),
                Some(State::Between(mut input)) => {
                    if input.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let decoder = StreamingDecoder::new(input).map_err(|_| damaged())?;
                    self.state = Some(State::Within(Box::new(decoder)));
                }
                Some(State::Within(mut decoder)) => {
                    // What is damaged and what can't be read look alike here; the second is rare.
                    let read = decoder.read(buffer).map_err(|_| damaged())?;
                    if read > 0 {
                        self.state = Some(State::Within(decoder));
                        return Ok(read);
                    }
                    let (input, frame) = decoder.into_parts();
                    if frame.get_checksum_from_data().is_some_and(|sum| frame.get_calculated_checksum() != Some(sum)) {
                        return Err(damaged());
                    }
                    self.state = Some(State::Between(input));
                }
            }
        }
    }
}
