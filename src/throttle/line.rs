//! Who waits for the turn of a number, and who is next: in order of precedence, and within one fair.

use std::collections::VecDeque;

use crate::domain::{MessageId, Precedence};
use crate::ports::Asked;

/// A place in a line. None is ever given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// Everybody who waits, with the way to call them. A conversation waits for one message at a time, so there are never
/// more than conversations in memory.
#[derive(Debug)]
pub struct Line<T> {
    answers: VecDeque<Waiting<T>>,
    texts: VecDeque<Waiting<T>>,
    first_contacts: VecDeque<Waiting<T>>,
    tickets: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: Ticket,
    asked: Asked,
    call: T,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        let (answers, texts, first_contacts) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { answers, texts, first_contacts, tickets: 0 }
    }
}

impl<T> Line<T> {
    /// Stands at the end of those who are as urgent.
    pub fn join(&mut self, asked: Asked, call: T) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.queue(asked.precedence).push_back(Waiting { ticket, asked, call });
        ticket
    }

    /// Who is next.
    pub fn first(&self) -> Option<(Ticket, Asked)> {
        self.in_order().next().map(|waiting| (waiting.ticket, waiting.asked))
    }

    /// Takes somebody out of the line, who may have gone.
    pub fn take(&mut self, ticket: Ticket, precedence: Precedence) -> Option<T> {
        let queue = self.queue(precedence);
        let place = queue.iter().position(|waiting| waiting.ticket == ticket)?;
        queue.remove(place).map(|waiting| waiting.call)
    }

    /// Takes everybody out of the line who needs at least as many segments and has to keep to the day's budget.
    pub fn turn_away(&mut self, segments: u32) -> Vec<T> {
        let mut turned_away = Vec::new();
        for queue in [&mut self.texts, &mut self.first_contacts] {
            let (gone, staying) =
                std::mem::take(queue).into_iter().partition(|waiting| waiting.asked.segments >= segments);
            *queue = staying;
            turned_away.extend(VecDeque::into_iter(gone).map(|waiting| waiting.call));
        }
        turned_away
    }

    /// Segments that are waited for.
    pub fn segments(&self) -> u32 {
        self.in_order().fold(0, |sum, waiting| sum.saturating_add(waiting.asked.segments))
    }

    /// Segments that go before a message: those before its place, or where it has none those before the end of its like.
    pub fn ahead_of(&self, id: MessageId, precedence: Precedence) -> u32 {
        let is_behind = |waiting: &&Waiting<T>| match (precedence, waiting.asked.precedence) {
            (Precedence::First, Precedence::InTurn | Precedence::FirstContact)
            | (Precedence::InTurn, Precedence::FirstContact) => true,
            (Precedence::First, Precedence::First)
            | (Precedence::InTurn, Precedence::First | Precedence::InTurn)
            | (Precedence::FirstContact, _) => false,
        };
        let ahead = self.in_order().take_while(|waiting| waiting.asked.id != id && !is_behind(waiting));
        ahead.fold(0, |sum, waiting| sum.saturating_add(waiting.asked.segments))
    }

    fn in_order(&self) -> impl Iterator<Item = &Waiting<T>> {
        self.answers.iter().chain(&self.texts).chain(&self.first_contacts)
    }

    fn queue(&mut self, precedence: Precedence) -> &mut VecDeque<Waiting<T>> {
        match precedence {
            Precedence::First => &mut self.answers,
            Precedence::InTurn => &mut self.texts,
            Precedence::FirstContact => &mut self.first_contacts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ConversationId, Seq};

    fn id(number: u64) -> MessageId {
        MessageId { conversation: ConversationId(number), seq: Seq(1) }
    }

    fn asked(number: u64, segments: u32, precedence: Precedence) -> Asked {
        Asked { id: id(number), segments, precedence }
    }

    /// A line of two invitations, two texts and an answer, which came in this order.
    fn line() -> (Line<u64>, Vec<Ticket>) {
        let mut line = Line::default();
        let came = [
            asked(1, 2, Precedence::FirstContact),
            asked(2, 1, Precedence::InTurn),
            asked(3, 2, Precedence::FirstContact),
            asked(4, 3, Precedence::InTurn),
            asked(5, 1, Precedence::First),
        ];
        let tickets = came.into_iter().map(|one| line.join(one, one.id.conversation.0)).collect();
        (line, tickets)
    }

    fn served(mut line: Line<u64>) -> Vec<u64> {
        let next = std::iter::from_fn(|| {
            let (ticket, asked) = line.first()?;
            line.take(ticket, asked.precedence)
        });
        next.collect()
    }

    #[test]
    fn answers_go_first_then_texts_then_first_contacts_each_in_order() {
        assert_eq!(served(line().0), [5, 2, 4, 1, 3]);
    }

    #[test]
    fn who_leaves_is_not_called() {
        let (mut line, tickets) = line();
        assert_eq!(line.take(tickets[1], Precedence::InTurn), Some(2));
        assert_eq!(line.take(tickets[1], Precedence::InTurn), None);
        assert_eq!(line.segments(), 8);
        assert_eq!(served(line), [5, 4, 1, 3]);
    }

    #[test]
    fn a_spent_day_turns_away_whoever_needs_as_much_but_no_answer() {
        let (mut line, _) = line();
        assert_eq!(line.turn_away(2), [4, 1, 3]);
        assert_eq!(served(line), [5, 2]);
    }

    #[test]
    fn what_goes_ahead_is_what_stands_before_it_or_before_the_end_of_its_like() {
        let (line, _) = line();
        let table = [
            (5, Precedence::First, 0),
            (2, Precedence::InTurn, 1),
            (4, Precedence::InTurn, 2),
            (3, Precedence::FirstContact, 7),
            (9, Precedence::First, 1),
            (9, Precedence::InTurn, 5),
            (9, Precedence::FirstContact, 9),
        ];
        for (number, precedence, expected) in table {
            assert_eq!(line.ahead_of(id(number), precedence), expected, "{number} {precedence:?}");
        }
    }
}
