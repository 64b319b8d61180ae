# Signs requests as botocore does: a list of JSON in, a list of JSON out.
import datetime, json, sys
from urllib.parse import urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def sign(case):
    late = datetime.timedelta(seconds=case["late"])
    auth.get_current_datetime = lambda: datetime.datetime.now(datetime.timezone.utc) + late
    credentials = Credentials(case["accessKeyId"], case["secretAccessKey"], case["sessionToken"])
    request = AWSRequest(
        method=case["verb"],
        url="https://" + case["host"] + case["target"],
        headers=case["fields"],
        data=case["body"].encode(),
    )
    if case["expires"] is None:
        signer = auth.SigV4Auth(credentials, case["service"], case["region"])
    else:
        signer = auth.SigV4QueryAuth(credentials, case["service"], case["region"], case["expires"])
    signer.add_auth(request)
    url = urlsplit(request.url)
    target = url.path + ("?" + url.query if url.query else "")
    return {"target": target, "fields": list(request.headers.items())}


print(json.dumps([sign(case) for case in json.load(sys.stdin)]))
