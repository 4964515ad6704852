//! A recording of a running daemon for whoever asks for it, as bytes that come as they are made.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, channel};

use super::{Item, Recorder, Refused, Shot, Shots};
use crate::recording::Writer;

/// Pieces that may wait for the one who reads.
const PIECES_MAX: usize = 4;

/// It has a thread of its own: an image takes its time, and so may the reader.
pub(in crate::daemon) fn tap(recorder: &Arc<Recorder>) -> Result<Receiver<Bytes>, &'static str> {
    let shots = recorder.listen(true).map_err(|refused| match refused {
        Refused::Full => {
            "so many are recording already: end one of them, or replay what `data_dir/recorder` holds"
        }
        Refused::Fleeting => {
            "this daemon keeps nothing, so there is nothing to record: start one with `evenkeel run`"
        }
    })?;
    let (to, pieces) = channel(PIECES_MAX);
    let record = move || {
        let mut send = |piece: Vec<u8>| to.blocking_send(piece.into()).is_ok();
        let _reader_gone = record(shots, &mut send);
    };
    match std::thread::Builder::new().name("tap".to_owned()).spawn(record) {
        Ok(_) => Ok(pieces),
        Err(_) => Err("there is no room for another thread; try again"),
    }
}

/// `Ok(false)`: nobody reads any more.
fn record(mut shots: Shots, send: &mut dyn FnMut(Vec<u8>) -> bool) -> io::Result<bool> {
    let mut begun: Option<Writer<Vec<u8>>> = None;
    while let Some(item) = shots.next() {
        match (&item, &mut begun) {
            (Item::Gap(groups), Some(writer)) => writer.gap(*groups)?,
            (Item::Shot(shot), writer) => match (&**shot, writer) {
                (Shot::Image { header, image }, writer) => {
                    if writer.is_none() {
                        *writer = Some(Writer::begin(Vec::new(), header)?);
                    }
                    if let Some(writer) = writer {
                        writer.image(header.began, &shots.image(image)?)?;
                    }
                }
                (Shot::Group { decided, records, masks, .. }, Some(writer)) => {
                    writer.group(*decided, &shots.records(records, *masks)?)?;
                }
                (Shot::Configured { now, decided, plan }, Some(writer)) => {
                    writer.configured(*now, *decided, plan)?;
                }
                (_, None) => {}
            },
            (Item::Gap(_), None) => {}
        }
        if let Some(writer) = &mut begun
            && !send(std::mem::take(writer.get_mut()))
        {
            return Ok(false);
        }
    }
    let Some(mut writer) = begun else { return Ok(true) };
    writer.end()?;
    Ok(send(std::mem::take(writer.get_mut())))
}
