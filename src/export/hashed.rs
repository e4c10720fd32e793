//! Hashes what is written on its way.

use std::io;

use sha2::{Digest, Sha256};

/// A writer that knows the SHA-256 of everything that went through it.
pub struct Hashed<W> {
    out: W,
    hash: Sha256,
}

impl<W> Hashed<W> {
    pub fn new(out: W) -> Self {
        Self { out, hash: Sha256::new() }
    }
}

impl<W: io::Write> io::Write for Hashed<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.out.write(octets)?;
        self.hash.update(&octets[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: io::Write> super::Octets for Hashed<W> {
    fn hash(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}
