// SPDX-License-Identifier: GPL-2.0

//! A virtio block device whose rings and buffers are reached through the M4U.

use std::fs::{File, OpenOptions};
use std::io::{self, Error};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost::vhost_user::Backend;
use vhost_user_backend::{VhostUserBackend, VringMutex, VringT};
use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_S_IOERR,
    VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN,
    VIRTIO_BLK_T_OUT,
};
use virtio_bindings::virtio_config::{VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_VERSION_1};
use virtio_bindings::virtio_ring::VIRTIO_RING_F_INDIRECT_DESC;
use virtio_queue::{DescriptorChain, Queue, QueueT};
use vm_memory::{Address, Bytes, GuestAddress, GuestMemoryAtomic, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;

use crate::iova::IovaMemory;
use crate::m4u::M4u;

/// Maximum number of entries of a ring: QEMU's limit.
const QUEUE_SIZE: usize = 1024;
/// Buffers of a request.
const SEGMENTS: u32 = 126;
const SECTOR: u64 = 512;
/// Size of `struct virtio_blk_config`, and its fields that are not zero.
const CONFIG_SIZE: usize = 60;
const CONFIG_SEG_MAX: usize = 12;
const CONFIG_BLK_SIZE: usize = 20;
const CONFIG_NUM_QUEUES: usize = 34;
const HEADER_SIZE: usize = 16;
/// `VHOST_USER_F_PROTOCOL_FEATURES`
const PROTOCOL_FEATURES: u32 = 30;

pub struct Disk {
    file: File,
    size: u64,
    serial: String,
    memory: IovaMemory,
    m4u: Arc<M4u>,
    /// The channel for requests to QEMU, which logs an error if it is closed.
    frontend: Mutex<Option<Backend>>,
}

/// A request: the data that the driver wrote, and the buffers for the answer.
struct Request {
    kind: u32,
    offset: u64,
    data: Vec<u8>,
    /// Address and length of buffers that the device writes; the last byte is the status.
    room: Vec<(u64, usize)>,
}

impl Disk {
    pub fn open(
        path: &Path,
        serial: String,
        memory: IovaMemory,
        m4u: Arc<M4u>,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let size = file.metadata()?.len() / SECTOR * SECTOR;
        Ok(Self {
            file,
            size,
            serial,
            memory,
            m4u,
            frontend: Mutex::new(None),
        })
    }

    fn parse(&self, chain: DescriptorChain<&IovaMemory>) -> io::Result<Request> {
        let mut sent = Vec::new();
        let mut room = Vec::new();
        for descriptor in chain {
            let iova = descriptor.addr().raw_value();
            let len = descriptor.len() as usize;
            self.m4u.note_buffer(iova, len);
            if descriptor.is_write_only() {
                room.push((iova, len));
            } else {
                let start = sent.len();
                sent.resize(start + len, 0);
                self.memory
                    .read(iova, &mut sent[start..])
                    .map_err(Error::other)?;
            }
        }
        if sent.len() < HEADER_SIZE || room.iter().all(|&(_, len)| len == 0) {
            return Err(Error::other("a request without a header or a status"));
        }
        let data = sent.split_off(HEADER_SIZE);
        let kind = u32::from_le_bytes(sent[..4].try_into().unwrap());
        let sector = u64::from_le_bytes(sent[8..].try_into().unwrap());
        Ok(Request {
            kind,
            offset: sector.saturating_mul(SECTOR),
            data,
            room,
        })
    }

    /// Handles `request`, and returns the answer without the status.
    fn perform(&self, request: &Request) -> Result<Vec<u8>, u32> {
        let counts = &self.m4u.counts;
        let room = request.room.iter().map(|&(_, len)| len).sum::<usize>() - 1;
        let len = room.max(request.data.len()) as u64;
        let inside = request
            .offset
            .checked_add(len)
            .is_some_and(|end| end <= self.size);
        let failed = |error| {
            eprintln!(
                "{}: sector {}: {error}",
                self.serial,
                request.offset / SECTOR
            );
            VIRTIO_BLK_S_IOERR
        };
        match request.kind {
            VIRTIO_BLK_T_IN if inside => {
                let mut data = vec![0; room];
                self.file
                    .read_exact_at(&mut data, request.offset)
                    .map_err(failed)?;
                counts.reads.add(1);
                counts.bytes_read.add(len);
                Ok(data)
            }
            VIRTIO_BLK_T_OUT if inside => {
                self.file
                    .write_all_at(&request.data, request.offset)
                    .map_err(failed)?;
                counts.writes.add(1);
                counts.bytes_written.add(len);
                Ok(Vec::new())
            }
            VIRTIO_BLK_T_IN | VIRTIO_BLK_T_OUT => Err(VIRTIO_BLK_S_IOERR),
            VIRTIO_BLK_T_FLUSH => {
                // Written data are in the host's page cache, which outlives the guest.
                counts.flushes.add(1);
                Ok(Vec::new())
            }
            VIRTIO_BLK_T_GET_ID => {
                let mut id = self.serial.clone().into_bytes();
                id.resize(room, 0);
                Ok(id)
            }
            _ => Err(VIRTIO_BLK_S_UNSUPP),
        }
    }

    /// Writes `answer` and `status`, and returns their number of bytes.
    fn reply(&self, request: &Request, answer: &[u8], status: u8) -> io::Result<u32> {
        let room = request.room.iter().map(|&(_, len)| len).sum::<usize>();
        let mut reply = answer.to_vec();
        let mut rest = &mut reply[..];
        for &(iova, len) in &request.room {
            let part = len.min(rest.len());
            let (now, later) = rest.split_at_mut(part);
            self.memory.write(iova, now).map_err(Error::other)?;
            rest = later;
        }
        let (iova, len) = request.room.iter().rfind(|&&(_, len)| len > 0).unwrap();
        self.memory
            .write(iova + *len as u64 - 1, &[status])
            .map_err(Error::other)?;
        Ok(if answer.is_empty() { 1 } else { room as u32 })
    }

    fn serve(&self, chain: DescriptorChain<&IovaMemory>) -> io::Result<u32> {
        let request = self.parse(chain)?;
        let (answer, status) = match self.perform(&request) {
            Ok(answer) => (answer, VIRTIO_BLK_S_OK),
            Err(status) => {
                self.m4u.counts.failed_requests.add(1);
                (Vec::new(), status)
            }
        };
        self.reply(&request, &answer, status as u8)
    }

    /// Puts `head` into the used ring. The function of the crate does not support an entry on two
    /// pages that are not consecutive.
    fn add_used(&self, queue: &mut Queue, head: u16, written: u32) -> io::Result<()> {
        let index = queue.next_used();
        let slot = u64::from(index % queue.size());
        let mut element = [0; 8];
        element[..4].copy_from_slice(&u32::from(head).to_le_bytes());
        element[4..].copy_from_slice(&written.to_le_bytes());
        self.memory
            .write(queue.used_ring() + 4 + slot * 8, &element)
            .map_err(Error::other)?;
        let next = index.wrapping_add(1);
        queue.set_next_used(next);
        self.memory
            .store(
                next.to_le(),
                GuestAddress(queue.used_ring() + 2),
                Ordering::Release,
            )
            .map_err(Error::other)
    }

    fn drain(&self, ring: &VringMutex) -> io::Result<()> {
        let mut ring = ring.get_mut();
        let queue = ring.get_queue_mut();
        // The crate has read it by its untranslated address.
        let used = queue
            .used_idx(&self.memory, Ordering::Acquire)
            .map_err(Error::other)?;
        queue.set_next_used(used.0);
        loop {
            queue
                .disable_notification(&self.memory)
                .map_err(Error::other)?;
            while let Some(chain) = queue.pop_descriptor_chain(&self.memory) {
                let head = chain.head_index();
                let written = self.serve(chain).unwrap_or_else(|error| {
                    eprintln!("{}: {error}", self.serial);
                    self.m4u.counts.failed_requests.add(1);
                    0
                });
                self.add_used(queue, head, written)?;
            }
            if !queue
                .enable_notification(&self.memory)
                .map_err(Error::other)?
            {
                break;
            }
        }
        ring.signal_used_queue()
    }

    fn config(&self) -> [u8; CONFIG_SIZE] {
        let mut config = [0; CONFIG_SIZE];
        let mut put = |at: usize, value: &[u8]| config[at..at + value.len()].copy_from_slice(value);
        put(0, &(self.size / SECTOR).to_le_bytes());
        put(CONFIG_SEG_MAX, &SEGMENTS.to_le_bytes());
        put(CONFIG_BLK_SIZE, &(SECTOR as u32).to_le_bytes());
        put(CONFIG_NUM_QUEUES, &1u16.to_le_bytes());
        config
    }
}

impl VhostUserBackend for Disk {
    type Bitmap = ();
    type Vring = VringMutex;

    fn num_queues(&self) -> usize {
        1
    }

    fn max_queue_size(&self) -> usize {
        QUEUE_SIZE
    }

    fn features(&self) -> u64 {
        [
            VIRTIO_F_VERSION_1,
            VIRTIO_F_ACCESS_PLATFORM,
            VIRTIO_RING_F_INDIRECT_DESC,
            VIRTIO_BLK_F_FLUSH,
            VIRTIO_BLK_F_SEG_MAX,
            VIRTIO_BLK_F_BLK_SIZE,
            PROTOCOL_FEATURES,
        ]
        .iter()
        .fold(0, |features, bit| features | 1 << bit)
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        // QEMU wants the second and the third for a device that is behind an IOMMU.
        VhostUserProtocolFeatures::CONFIG
            | VhostUserProtocolFeatures::REPLY_ACK
            | VhostUserProtocolFeatures::BACKEND_REQ
            | VhostUserProtocolFeatures::MQ
    }

    fn set_event_idx(&self, _enabled: bool) {}

    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        let mut config = self.config().to_vec();
        config.resize((offset + size) as usize, 0);
        config.split_off(offset as usize)
    }

    fn update_memory(&self, _memory: GuestMemoryAtomic<GuestMemoryMmap>) -> io::Result<()> {
        // It is mapped from the start, because the M4U works before any disk does.
        Ok(())
    }

    fn set_backend_req_fd(&self, frontend: Backend) {
        *self.frontend.lock().unwrap() = Some(frontend);
    }

    fn handle_event(
        &self,
        event: u16,
        _set: EventSet,
        rings: &[VringMutex],
        _thread: usize,
    ) -> io::Result<()> {
        if let Some(ring) = rings.get(usize::from(event)) {
            if let Err(error) = self.drain(ring) {
                eprintln!("{}: the ring cannot be used: {error}", self.serial);
                self.m4u.counts.failed_requests.add(1);
            }
        }
        Ok(())
    }
}
