# Signs calls that came in once more, as botocore does, and says whether the signatures are the same: a list
# of JSON in, a list of complaints out (null where there is none).
import datetime, json, sys

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def verify(case):
    fields = {name.lower(): value for name, value in case["fields"]}
    words = fields["authorization"].replace(",", " ").split()
    parts = dict(word.split("=", 1) for word in words[1:])
    access_key_id, _, region, service, _ = parts["Credential"].split("/")
    if [access_key_id, region, service] != [case["accessKeyId"], case["region"], case["service"]]:
        return "the scope is " + parts["Credential"]
    moment = datetime.datetime.strptime(fields["x-amz-date"], "%Y%m%dT%H%M%SZ")
    auth.get_current_datetime = lambda: moment.replace(tzinfo=datetime.timezone.utc)
    credentials = Credentials(access_key_id, case["secretAccessKey"], fields.get("x-amz-security-token"))
    signed = parts["SignedHeaders"].split(";")
    missing = [name for name in fields if name.startswith("x-amz-") and name not in signed]
    if missing:
        return "not signed: " + ", ".join(missing)
    request = AWSRequest(
        method=case["verb"],
        url="http://" + fields["host"] + case["target"],
        headers={name: fields[name] for name in signed},
        data=case["body"].encode(),
    )
    signer = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
    signer(credentials, service, region).add_auth(request)
    if request.headers["Authorization"].split("Signature=")[1] != parts["Signature"]:
        return "another signature: " + request.headers["Authorization"]


print(json.dumps([verify(case) for case in json.load(sys.stdin)]))
