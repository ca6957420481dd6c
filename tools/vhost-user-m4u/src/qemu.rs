// SPDX-License-Identifier: GPL-2.0

//! The QEMU process, and its connections to this one.

use std::ffi::OsString;
use std::io;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, Child, Command};
use std::sync::Arc;
use std::thread;

use vhost::vhost_user::Error::{Disconnected, PartialMessage};
use vhost::vhost_user::Listener;
use vhost_user_backend::{Error, VhostUserDaemon};
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};

use crate::disk::Disk;
use crate::iova::IovaMemory;
use crate::m4u::M4u;
use crate::ram::Ram;

pub struct Qemu {
    command: Command,
    child: Option<Child>,
    disks: usize,
}

impl Qemu {
    /// Prepares to run `command`, a QEMU with its arguments, with `size` bytes of memory in `ram`.
    pub fn new(command: &[OsString], ram: &Ram, size: u64) -> Self {
        let mut qemu = Self {
            command: Command::new(&command[0]),
            child: None,
            disks: 0,
        };
        qemu.command.args(&command[1..]);
        let file = ram.file();
        qemu.argument(
            "-object",
            format!(
                "memory-backend-file,id=mem,size={size},mem-path=/proc/self/fd/{file},share=on"
            ),
        );
        qemu.argument("-machine", "memory-backend=mem".to_string());
        // SAFETY: between fork and exec, only a system call is made.
        unsafe {
            qemu.command.pre_exec(|| {
                // QEMU ends with this process, even if that is killed.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                Ok(())
            });
        }
        qemu
    }

    fn argument(&mut self, option: &str, value: String) {
        self.command.arg(option).arg(value);
    }

    /// Adds a socket `id` of QEMU, and returns the listener that it will connect to. The address is
    /// abstract, so that no file stays behind.
    fn listen(&mut self, id: &str) -> Result<UnixListener, String> {
        let name = format!("vhost-user-m4u-{}-{id}", process::id());
        let listener = SocketAddr::from_abstract_name(&name)
            .and_then(|address| UnixListener::bind_addr(&address))
            .map_err(|error| format!("socket {name}: {error}"))?;
        self.argument(
            "-chardev",
            format!("socket,id={id},path={name},abstract=on"),
        );
        Ok(listener)
    }

    /// Adds the test interface.
    pub fn qtest(&mut self) -> Result<UnixListener, String> {
        let listener = self.listen("qtest")?;
        self.argument("-qtest", "chardev:qtest".to_string());
        self.argument("-qtest-log", "none".to_string());
        Ok(listener)
    }

    /// Adds a disk with the image `path`.
    pub fn add_disk(
        &mut self,
        path: &Path,
        ram: &'static Ram,
        m4u: &Arc<M4u>,
    ) -> Result<(), String> {
        let id = format!("disk{}", self.disks);
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let memory = IovaMemory::new(ram, m4u.clone());
        let disk =
            Disk::open(path, format!("m4u-{id}"), memory, m4u.clone()).map_err(|e| failed(&e))?;
        let listener = self.listen(&id)?;
        self.disks += 1;
        // Without message-signalled interrupts, whose doorbell would be an IOVA.
        let slot = self.disks;
        self.argument(
            "-device",
            format!(
                "vhost-user-blk-pci,chardev={id},addr={slot},num-queues=1,vectors=0,\
                 iommu_platform=on,disable-legacy=on"
            ),
        );
        let mut daemon = VhostUserDaemon::new(
            id.clone(),
            Arc::new(disk),
            GuestMemoryAtomic::new(GuestMemoryMmap::new()),
        )
        .map_err(|e| failed(&e))?;
        // SAFETY: The listener has given up its descriptor.
        let listener = unsafe { Listener::from_raw_fd(listener.into_raw_fd()) };
        thread::spawn(move || {
            match daemon.start(listener).and_then(|()| daemon.wait()) {
                // QEMU hangs up when the guest is down.
                Ok(()) | Err(Error::HandleRequest(Disconnected | PartialMessage)) => {}
                Err(error) => eprintln!("{id}: {error}"),
            }
        });
        Ok(())
    }

    pub fn start(&mut self) -> Result<(), String> {
        let program = self.command.get_program().to_string_lossy().into_owned();
        let child = self
            .command
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        self.child = Some(child);
        Ok(())
    }

    /// Returns the exit status, once QEMU has ended; 128 and the signal if a signal ended it.
    pub fn status(&mut self) -> io::Result<Option<u8>> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        let status = child.try_wait()?;
        Ok(status.map(|status| match (status.code(), status.signal()) {
            (Some(code), _) => code as u8,
            (_, signal) => 128 + signal.unwrap_or(0) as u8,
        }))
    }

    /// Kills QEMU, like a power cut.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(child) = &mut self.child {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}
