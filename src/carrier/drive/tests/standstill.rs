//! A process that stood still: what the carrier delivered meanwhile may be known to another daemon since.

use super::*;

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
