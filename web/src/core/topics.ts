/** Which topics make the answer to a query stale. Knows the words of queries, never their answers. */
import type { Query } from './generated/Query';
import type { Topic } from './generated/Topic';

export function isStale(query: Query, topic: Topic): boolean {
  switch (query.type) {
    case 'account':
      return topic.type === 'account';
    case 'chats':
    case 'contacts':
    case 'contact':
    case 'blocked':
      return topic.type === 'chats';
    case 'safety_number':
      // A conversation's trust line and its contact's safety number change together.
      return topic.type === 'chats' || topic.type === 'conversation';
    case 'conversation':
    case 'timeline':
      return topic.type === 'conversation' && topic.conversation_id === query.conversation_id;
    case 'message_details':
      return topic.type === 'conversation';
    case 'search':
      return (
        topic.type === 'chats' ||
        (topic.type === 'conversation' &&
          (query.conversation_id === null || topic.conversation_id === query.conversation_id))
      );
    case 'invite_link':
      return topic.type === 'invite_link';
    case 'settings':
      return topic.type === 'settings';
    case 'sessions':
      return topic.type === 'sessions';
    case 'recovery_kit':
      return topic.type === 'account';
    case 'server':
      return topic.type === 'server';
    case 'storage':
      return topic.type === 'account' || topic.type === 'conversation' || topic.type === 'chats';
  }
}
