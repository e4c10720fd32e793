"""Writes a text to a patient and waits for what becomes of it. `assent_client` is made of the specification:
  openapi-python-client generate --url http://127.0.0.1:8080/openapi.json --output-path assent_client --meta none
"""

import os
import sys
import time
import uuid

from assent_client import AuthenticatedClient
from assent_client.api.messages import get_message, send_message
from assent_client.models import Message, MessageStatus, Problem, TextToSend

assent = AuthenticatedClient(
    base_url=os.environ["ASSENT_URL"],
    token=os.environ["ASSENT_TOKEN"],
    headers={"Assent-Staff": "maria"},
)

# The key makes it safe to ask again when no answer came: the text is taken once.
message = send_message.sync(
    "riverside",
    "rosa",
    client=assent,
    body=TextToSend(text="Hi Rosa, see you Tuesday at 3?"),
    idempotency_key=str(uuid.uuid4()),
)
if isinstance(message, Problem):
    # Programs go by `code`, people by `detail`; `type` leads to the cause and the remedy.
    print(f"{message.code}: {message.detail}")
    sys.exit(1)

while message.status in (MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.SENT):
    time.sleep(0.2)
    read = get_message.sync("riverside", "rosa", message.id, client=assent)
    message = read if isinstance(read, Message) else message
# Without consent it is `pending`: the patient was asked, and the event stream tells of the answer.
print(message.status.value)
