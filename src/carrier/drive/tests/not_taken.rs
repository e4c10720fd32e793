//! Deliveries that the store does not take: offered again while the carrier waits, and left to it afterwards.

use super::*;

fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn while_the_store_takes_nothing_the_carrier_hears_nothing_and_is_left() {
    for store in [Store::Fails, Store::Panics] {
        let (link, _) = link_and(store);
        let (drive, mut peer) = drive(&link, 1_024);
        let started = Instant::now();
        let carrier = async {
            peer.binds().await;
            peer.says(1, deliver_sm("13035550123")).await;
            let unbind = peer.hears().await.unwrap();
            assert_eq!(unbind.id(), CommandId::Unbind);
            peer.says(unbind.sequence(), Pdu::UnbindResp).await;
            assert_eq!(peer.hears().await, None);
        };
        let (ended, ()) = tokio::join!(drive.run(&[]), carrier);
        assert_eq!(why(&ended), Reason::NotTaken);
        assert_eq!(started.elapsed().as_secs(), 5);
        assert!(ended.at.is_some(), "what was not answered will come again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_delivery_does_not_make_a_text_on_its_way_unknown() {
    let (link, _) = link_and(Store::Fails);
    let (drive, mut peer) = drive(&link, 1_024);
    let started = Instant::now();
    let carrier = async {
        peer.binds().await;
        let room = link.room(1).await.unwrap();
        let submit = room.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
        let slow = async {
            let text = peer.hears().await.unwrap();
            peer.says(1, deliver_sm("13035550123")).await;
            tokio::time::sleep(Duration::from_secs(7)).await;
            let another = tokio::time::timeout(Duration::ZERO, link.room(1)).await;
            assert!(another.is_err(), "no more places are granted");
            peer.says(text.sequence(), SubmitSmResp::default()).await;
            assert_eq!(peer.hears().await.unwrap().id(), CommandId::Unbind);
            assert_eq!(started.elapsed().as_secs(), 7);
            drop(peer);
        };
        tokio::join!(submit, slow).0
    };
    let (ended, answer) = tokio::join!(drive.run(&[]), carrier);
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    assert_eq!(why(&ended), Reason::NotTaken);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_was_not_taken_does_not_come_after_the_stop_that_followed_it() {
    let (link, reception) = link_and(Store::FailsUntil(in_seconds(3)));
    let (drive, mut peer) = drive(&link, 1_024);
    let started = Instant::now();
    let carrier = async {
        peer.binds().await;
        peer.says(1, deliver_sm("13035550123")).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        // Between two offers of the first.
        peer.says(2, deliver_sm("13035550123")).await;
        for sequence in [1, 2] {
            let answer = peer.hears().await.unwrap();
            assert_eq!((answer.id(), answer.sequence()), (CommandId::DeliverSmResp, sequence));
        }
        assert_eq!(started.elapsed().as_secs(), 3, "both are taken as soon as the store takes anything");
        drop(peer);
    };
    tokio::join!(drive.run(&[]), carrier);
    let begun = reception.begun.lock().unwrap();
    let ids: Vec<_> = begun.iter().map(id).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids[..4].iter().all(|offered| *offered == ids[0]), "the same is offered again under the same id");
    assert_ne!(ids[4], ids[0]);
}

fn id(delivery: &Delivery) -> DeliveryId {
    match delivery {
        Delivery::Text { inbound, .. } => inbound.delivery.unwrap(),
        Delivery::AnsweredLate { delivery, .. } => *delivery,
        Delivery::Receipt { .. } | Delivery::Reachable { .. } | Delivery::Unroutable(_) => {
            panic!("a text was expected")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_phones_texts_wait_in_order_for_the_first_and_no_more_than_eight_are_kept() {
    let (link, reception) = link_and(Store::FailsUntil(in_seconds(4)));
    let (drive, mut peer) = drive(&link, 16 * 1_024);
    let started = Instant::now();
    let carrier = async {
        peer.binds().await;
        for sequence in 1..=10 {
            peer.says(sequence, deliver_sm("13035550123")).await;
        }
        for sequence in 1..=8 {
            assert_eq!(peer.hears().await.unwrap().sequence(), sequence);
        }
        assert_eq!(started.elapsed().as_secs(), 4);
        // The ninth is left to the carrier, and so is what comes after it, until the next bind.
        peer.says(11, deliver_sm("13035550123")).await;
        peer.says(12, deliver_sm("13035550177")).await;
        assert_eq!(peer.hears().await.unwrap().sequence(), 12);
        assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::Unbind));
        assert_eq!(started.elapsed().as_secs(), 30);
        drop(peer);
    };
    let (ended, ()) = tokio::join!(drive.run(&[]), carrier);
    assert_eq!(why(&ended), Reason::NotTaken);
    assert_eq!(reception.begun.lock().unwrap().len(), 4 + 8 + 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_carrier_no_longer_waits_for_is_not_offered_again() {
    let (link, reception) = link_and(Store::FailsFor("+13035550123"));
    let (drive, mut peer) = drive(&link, 1_024);
    let carrier = async {
        peer.binds().await;
        peer.says(1, deliver_sm("13035550123")).await;
        peer.says(2, deliver_sm("13035550177")).await;
        assert_eq!(peer.hears().await.unwrap().sequence(), 2, "only the other patient's");
        assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::Unbind));
        drop(peer);
    };
    tokio::join!(drive.run(&[]), carrier);
    assert_eq!(reception.texts(), 10 + 1, "once a second for ten seconds of the thirty");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_taken_is_not_offered_once_the_session_is_over() {
    let (link, reception) = link_and(Store::FailsUntil(in_seconds(2)));
    let (drive, mut peer) = drive(&link, 1_024);
    let carrier = async {
        peer.binds().await;
        peer.says(1, deliver_sm("13035550123")).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        drop(peer);
    };
    tokio::join!(drive.run(&[]), carrier);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(reception.begun.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_brings_what_a_thousand_phones_said_is_left_at_once_if_none_is_taken() {
    let (link, reception) = link_and(Store::Fails);
    let (drive, mut peer) = drive(&link, 1024 * 1_024);
    let started = Instant::now();
    let carrier = async {
        peer.binds().await;
        for sequence in 1..=1_100 {
            peer.says(sequence, deliver_sm(&format!("1303555{sequence:04}"))).await;
        }
        assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::Unbind));
        assert_eq!(started.elapsed().as_secs(), 0);
        drop(peer);
    };
    let (ended, ()) = tokio::join!(drive.run(&[]), carrier);
    assert_eq!(why(&ended), Reason::NotTaken);
    assert!(reception.begun.lock().unwrap().len() > 1_024);
}

#[tokio::test(start_paused = true)]
async fn one_unreadable_conversation_is_borne_longer_each_time_it_ended_a_session() {
    let (link, reception) = link_and(Store::FailsFor("+13035550123"));
    for seconds in [30, 60, 120] {
        let (drive, mut peer) = drive(&link, 1_024);
        let started = Instant::now();
        let carrier = async {
            peer.binds().await;
            for (sequence, phone) in [(1, "13035550123"), (2, "13035550177")] {
                peer.says(sequence, deliver_sm(phone)).await;
            }
            assert_eq!(peer.hears().await.unwrap().sequence(), 2, "only the other patient's");
            assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::Unbind));
            drop(peer);
        };
        let (ended, ()) = tokio::join!(drive.run(&[]), carrier);
        assert_eq!(why(&ended), Reason::NotTaken);
        assert_eq!(started.elapsed().as_secs(), seconds);
    }
    assert_eq!(reception.texts(), 3 * (10 + 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_carrier_may_not_have_waited_for_is_known_to_be_late_before_the_text_comes_again() {
    for (seconds, late) in [(8, false), (9, true), (30, true)] {
        let (link, reception) = link_and(Store::TakesWithin(Duration::from_secs(seconds)));
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            // The carrier brings it again before it has the answer to the first.
            for sequence in [1, 2] {
                peer.says(sequence, deliver_sm("13035550123")).await;
            }
            for sequence in [1, 2] {
                assert_eq!(peer.hears().await.unwrap().sequence(), sequence);
            }
            drop(peer);
        };
        tokio::join!(drive.run(&[]), carrier);
        let begun = reception.begun.lock().unwrap();
        assert_eq!(begun.len(), if late { 4 } else { 3 }, "{seconds} seconds");
        // The second waits for the first, so it is late in any case.
        let ids: Vec<_> = begun.iter().map(id).collect();
        let is_late = |index: usize| matches!(begun[index], Delivery::AnsweredLate { .. });
        assert_eq!((is_late(1), is_late(begun.len() - 1)), (late, true));
        assert_eq!((ids[0] == ids[1], ids[0] != ids[2]), (late, true));
    }
}
