//! A secret as a file that has no name: held in memory, read by whoever has its descriptor, changed by nobody.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

pub(super) fn sealed(content: &str) -> std::io::Result<OwnedFd> {
    const FLAGS: MemfdFlags = MemfdFlags::CLOEXEC.union(MemfdFlags::ALLOW_SEALING);
    // Kernels before 6.3 do not know that a file may be refused as a program.
    let made = match memfd_create(c"secret", FLAGS.union(MemfdFlags::NOEXEC_SEAL)) {
        Err(Errno::INVAL) => memfd_create(c"secret", FLAGS),
        made => made,
    };
    let mut file = File::from(made?);
    file.write_all(content.as_bytes())?;
    file.rewind()?;
    fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(file.into())
}
