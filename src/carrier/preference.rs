//! Which of the links that serve a number takes a text: of those that are bound the lowest priority, of these the first
//! with room. A text has room with one link at a time, so it never leaves by two.

use futures_util::future::select_all;

use super::link::Link;
use super::room::Room;

/// Waits until one of these links is bound, has room, and may send; `None` when none ever will again.
pub(super) async fn room(links: &[&Link], segments: u32) -> Option<Room> {
    let stop = &links.first()?.stop;
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        room = patient(links, segments) => Some(room),
    }
}

async fn patient(links: &[&Link], segments: u32) -> Room {
    loop {
        // From before the links are looked at, so that no change is missed.
        let mut gates: Vec<_> = links.iter().map(|link| link.gate.subscribe()).collect();
        let changed = select_all(gates.iter_mut().map(|gate| Box::pin(gate.changed())));
        let best = best_open(links);
        let found = async {
            if best.is_empty() {
                return std::future::pending().await;
            }
            let (room, index, _) = select_all(best.iter().map(|link| Box::pin(link.room_now(segments)))).await;
            (best[index], room)
        };
        let (link, room) = tokio::select! {
            biased;
            (link, Some(room)) = found => (link, room),
            // A better link may be bound, or the one that was waited for is not any more.
            _ = changed => continue,
        };
        link.keep_to_the_rate(segments).await;
        if room.is_open() {
            return room;
        }
    }
}

/// The links that are bound and have the lowest priority of all that are, in their order.
fn best_open<'a>(links: &[&'a Link]) -> Vec<&'a Link> {
    let open: Vec<&Link> = links.iter().copied().filter(|link| link.is_open()).collect();
    let lowest = open.iter().map(|link| link.config.priority).min();
    open.into_iter().filter(|link| Some(link.config.priority) == lowest).collect()
}
