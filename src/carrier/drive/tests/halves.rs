//! Two sessions that are one link: what the end of one means for the other.

use smpp::pdus::{BindReceiverResp, BindTransmitterResp};

use super::*;

/// A session of this kind, and the carrier's end of it.
fn half<'a>(link: &'a Link, halves: &'a Halves, kind: BindKind) -> (Drive<'a, DuplexStream>, Peer) {
    let (ours, theirs) = tokio::io::duplex(1_024);
    let settings = link.config.settings(Opening::Ask { kind, account: Account::default() });
    (Drive::new(link, halves, ours, settings, None), Peer { stream: theirs, framer: Framer::default() })
}

impl Peer {
    async fn parts(&mut self) {
        let unbind = self.hears().await.unwrap();
        assert_eq!(unbind.id(), CommandId::Unbind);
        self.says(unbind.sequence(), Pdu::UnbindResp).await;
    }
}

/// Both sessions, with their carriers' ends bound.
async fn bound(receiver: &mut Peer, transmitter: &mut Peer) {
    let bind = receiver.hears().await.unwrap();
    receiver.says(bind.sequence(), BindReceiverResp::default()).await;
    let bind = transmitter.hears().await.unwrap();
    transmitter.says(bind.sequence(), BindTransmitterResp::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_transmitter_alone_grants_no_place() {
    let (link, _) = link_and(Store::Takes);
    let halves = Halves::default();
    let (drive, mut peer) = half(&link, &halves, BindKind::Transmitter);
    let carrier = async {
        let bind = peer.hears().await.unwrap();
        peer.says(bind.sequence(), BindTransmitterResp::default()).await;
        let room = timeout(Duration::from_secs(5), link.room(1)).await;
        assert!(room.is_err(), "a STOP could not reach us");
        peer
    };
    tokio::select! {
        _ = drive.run(&[]) => panic!("it stays bound"),
        _ = carrier => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_dead_closes_the_link_within_forty_seconds() {
    let (mut link, _) = link_and(Store::Takes);
    link.config.enquire_link = Duration::from_secs(30);
    let halves = Halves::default();
    let (receives, mut receiver) = half(&link, &halves, BindKind::Receiver);
    let (sends, mut transmitter) = half(&link, &halves, BindKind::Transmitter);
    let started = Instant::now();
    let carrier = async {
        bound(&mut receiver, &mut transmitter).await;
        let room = link.room(1).await.unwrap();
        let enquiry = transmitter.hears().await.unwrap();
        assert_eq!(enquiry.id(), CommandId::EnquireLink);
        transmitter.says(enquiry.sequence(), Pdu::EnquireLinkResp).await;
        link.gate.subscribe().wait_for(Option::is_none).await.unwrap();
        assert_eq!(started.elapsed().as_secs(), 40);
        assert!(!room.is_open());
        drop(room);
        transmitter.parts().await;
    };
    let (dead, parted, ()) = tokio::join!(receives.run(&[]), sends.run(&[]), carrier);
    assert_eq!((why(&dead), why(&parted)), (Reason::PeerSilent, Reason::OtherHalf));
    assert_eq!(why(&dead.and(Some(parted))), Reason::PeerSilent);
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_under_way_when_the_receiver_ends_is_answered_and_no_other_begins() {
    let (link, _) = link_and(Store::Takes);
    let halves = Halves::default();
    let (receives, mut receiver) = half(&link, &halves, BindKind::Receiver);
    let (sends, mut transmitter) = half(&link, &halves, BindKind::Transmitter);
    let carrier = async {
        bound(&mut receiver, &mut transmitter).await;
        let room = link.room(1).await.unwrap();
        let submit = room.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
        let ends = async {
            let text = transmitter.hears().await.unwrap();
            drop(receiver);
            link.gate.subscribe().wait_for(Option::is_none).await.unwrap();
            assert!(timeout(Duration::from_secs(7), link.room(1)).await.is_err());
            transmitter.says(text.sequence(), SubmitSmResp::default()).await;
            transmitter.parts().await;
        };
        tokio::join!(submit, ends).0
    };
    let (_, _, answer) = tokio::join!(receives.run(&[]), sends.run(&[]), carrier);
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_being_made_durable_when_the_transmitter_ends_is_answered_before_the_receiver_parts() {
    let (link, reception) = link_and(Store::Waits(Semaphore::new(0)));
    let halves = Halves::default();
    let (receives, mut receiver) = half(&link, &halves, BindKind::Receiver);
    let (sends, mut transmitter) = half(&link, &halves, BindKind::Transmitter);
    let carrier = async {
        bound(&mut receiver, &mut transmitter).await;
        link.gate.subscribe().wait_for(Option::is_some).await.unwrap();
        receiver.says(1, deliver_sm("13035550123")).await;
        drop(transmitter);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let Store::Waits(permits) = &reception.store else { unreachable!() };
        permits.add_permits(1);
        assert_eq!(receiver.hears().await.unwrap().id(), CommandId::DeliverSmResp);
        receiver.parts().await;
    };
    let (parted, lost, ()) = tokio::join!(receives.run(&[]), sends.run(&[]), carrier);
    assert_eq!((why(&parted), why(&lost)), (Reason::OtherHalf, Reason::Lost));
    let whole = parted.and(Some(lost));
    assert_eq!(why(&whole), Reason::Lost);
    assert!(whole.at.is_some(), "something was delivered");
}

#[tokio::test(start_paused = true)]
async fn a_link_of_two_is_bound_when_both_are_and_a_stop_parts_from_both() {
    let (link, _) = link_and(Store::Takes);
    let halves = Halves::default();
    let (receives, mut receiver) = half(&link, &halves, BindKind::Receiver);
    let (sends, mut transmitter) = half(&link, &halves, BindKind::Transmitter);
    let carrier = async {
        bound(&mut receiver, &mut transmitter).await;
        link.gate.subscribe().wait_for(Option::is_some).await.unwrap();
        link.stop.cancel();
        tokio::join!(receiver.parts(), transmitter.parts());
    };
    let (one, two, ()) = tokio::join!(receives.run(&[]), sends.run(&[]), carrier);
    assert_eq!((why(&one), why(&two)), (Reason::Stopped, Reason::Stopped));
}
