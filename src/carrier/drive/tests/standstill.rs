//! A process that stood still: what the carrier delivered meanwhile may be known to another daemon since.

use super::*;
use crate::ports::Delivery;

#[tokio::test(start_paused = true)]
async fn what_came_while_the_process_stood_still_is_left_to_the_carrier() {
    for (stood_for, is_taken) in [(STANDSTILL, true), (STANDSTILL + Duration::from_secs(1), false)] {
        let (link, reception) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            drop(link.room(1).await.unwrap());
            tokio::time::advance(stood_for).await;
            peer.says(1, deliver_sm("13035550123")).await;
            let heard = peer.hears().await.unwrap();
            if heard.id() == CommandId::Unbind {
                peer.says(heard.sequence(), Pdu::UnbindResp).await;
            }
            drop(peer);
            heard.id()
        };
        let (ended, heard) = tokio::join!(drive.run(&[]), carrier);
        let taken = reception.begun.lock().unwrap().len();
        let expected = match is_taken {
            true => (CommandId::DeliverSmResp, Reason::Lost, 1),
            false => (CommandId::Unbind, Reason::StoodStill, 0),
        };
        assert_eq!((heard, why(&ended), taken), expected, "{stood_for:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_was_taken_but_not_answered_before_a_standstill_does_not_show_twice() {
    for (stood_for, is_told) in [(STANDSTILL, false), (STANDSTILL + Duration::from_secs(1), true)] {
        let (link, reception) = link_and(Store::Waits(Semaphore::new(0)));
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            drop(link.room(1).await.unwrap());
            peer.says(1, deliver_sm("13035550123")).await;
            while reception.texts() == 0 {
                tokio::task::yield_now().await;
            }
            let Store::Waits(permits) = &reception.store else { unreachable!("the test made it so") };
            // Nothing has a turn between the two.
            permits.add_permits(2);
            tokio::time::advance(stood_for).await;
            while let Some(heard) = peer.hears().await {
                match heard.id() {
                    CommandId::Unbind => peer.says(heard.sequence(), Pdu::UnbindResp).await,
                    _ if !is_told => break,
                    _ => {}
                }
            }
            drop(peer);
        };
        tokio::join!(drive.run(&[]), carrier);
        let begun = reception.begun.lock().unwrap();
        let late = begun.iter().filter(|delivery| matches!(delivery, Delivery::AnsweredLate { .. })).count();
        assert_eq!((begun.len() - late, late), (1, usize::from(is_told)), "{stood_for:?}");
    }
}
