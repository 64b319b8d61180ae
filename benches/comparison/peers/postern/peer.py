"""Postern: `--postern-cmd BINARY` (a path; `run --config FILE` is added) serving the job in its own configuration.

The endpoint id is the listener's: `gw` belongs to the endpoint that the policy admits, `gw_other` to one that it does not.
The job's host is a private custom domain with an empty base path, so that the request paths carry no stage.
Reload is SIGHUP, unless --postern-reload gives a command.
"""
import json, os, shlex, signal, subprocess
BINARY, NOTES, LISTENER_IDENTITY = "postern", "The project under test.", True
LOG_FORMAT = '{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","path":"$context.path","status":"$context.status","responseLength":"$context.responseLength"}'
ACCOUNT, REGION = "123456789012", "us-east-1"

def find(ctx):
    return ctx.args.postern_cmd

def definition(paths, key_required):
    method = {"x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "ANY", "connectionType": "VPC_LINK", "connectionId": "vl0001"}}
    out = {}
    for path, names in paths:
        item = json.loads(json.dumps(method))
        item["x-amazon-apigateway-integration"]["uri"] = "http://backend.internal" + path
        item["x-amazon-apigateway-integration"]["requestParameters"] = {f"integration.request.path.{n}": f"method.request.path.{n}" for n in names}
        item["parameters"] = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
        if key_required: item["security"] = [{"api_key": []}]
        item["responses"] = {"200": {"description": "ok"}}
        out[path] = {"x-amazon-apigateway-any-method": item}
    return {"openapi": "3.0.1", "info": {"title": "bench", "version": "1"}, "paths": out,
            "components": {"securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}}

def policy(vpce, sources):
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*", "Condition": {"StringNotEquals": {"aws:SourceVpce": vpce}}},
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*", "Condition": {"NotIpAddress": {"aws:VpcSourceIp": sources}}},
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]}

def start(ctx):
    tls = [{"certificateFile": ctx.cert, "privateKeyFile": ctx.key}]
    ctx.write("gateway-api.json", json.dumps(definition([(r + "{id}", ["id"]) for r in ctx.route_prefixes], True)))
    ctx.write("open-api.json", json.dumps(definition([("/{proxy+}", ["proxy"])], False)))
    ctx.write("gateway-policy.json", json.dumps(policy(ctx.vpce, ["127.0.0.0/8"])))
    ctx.write("open-policy.json", json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]}))
    endpoint = lambda vpce, port, secure: {"vpcEndpointId": vpce, "vpcId": "vpc-0aaaabbbbccccdddd", "listeners": [{"address": f"127.0.0.1:{port}"}], **({"tls": tls} if secure else {})}
    # one domain name may be seen through several endpoints; which API it means is decided per endpoint
    domain = lambda api, vpces: {"domainName": ctx.host, "endpointConfiguration": {"types": ["PRIVATE"]}, "accessAssociations": vpces, "basePathMappings": [{"basePath": "", "restApiId": api, "stage": "bench"}]}
    gw, plain, secure, other = ctx.vpce, "vpce-00000000000000001", "vpce-00000000000000002", "vpce-00000000000000003"
    config = {"region": REGION, "accountId": ACCOUNT, "workers": ctx.threads, "admin": {"address": f"127.0.0.1:{ctx.admin}"},
        "vpcEndpoints": [endpoint(gw, ctx.gw, True), endpoint(plain, ctx.plain, False), endpoint(secure, ctx.tls, True), endpoint(other, ctx.gw_other, True)],
        "restApis": [{"id": "gatewayjob", "definition": "gateway-api.json", "endpointConfiguration": {"types": ["PRIVATE"]}, "policyFile": "gateway-policy.json",
                      "stages": [{"stageName": "bench", "methodSettings": {"*/*": {"throttlingRateLimit": 1e9, "throttlingBurstLimit": 1000000000}}}]},
                     {"id": "openproxy1", "definition": "open-api.json", "endpointConfiguration": {"types": ["PRIVATE"]}, "policyFile": "open-policy.json", "stages": [{"stageName": "bench"}]}],
        # h2load names the address itself, so the open listeners know that name too
        "domainNames": [domain("gatewayjob", [gw, other]), domain("openproxy1", [plain, secure]), {**domain("openproxy1", [plain, secure]), "domainName": "127.0.0.1"}],
        "vpcLinks": [{"id": "vl0001", "name": "backends", "targets": [f"127.0.0.1:{p}" for p in ctx.upstreams]}],
        "apiKeys": [{"name": f"key{i}", "value": k} for i, k in enumerate(ctx.keys)],
        "usagePlans": [{"name": "bench", "throttle": {"rateLimit": 1e9, "burstLimit": 1000000000}, "quota": {"limit": 1000000000, "period": "MONTH"},
                        "apiStages": [{"apiId": "gatewayjob", "stage": "bench"}], "apiKeys": [f"key{i}" for i in range(len(ctx.keys))]}]}
    config["accessLog"] = {"destination": os.path.join(ctx.dir, "access.log"), "format": LOG_FORMAT}
    # one client address opens thousands of connections here, which a gateway's defaults rightly refuse
    config["limits"] = {"connections": 20000, "connectionsPerListener": 20000, "connectionsPerPeer": 20000, "acceptsPerSecond": 1000000, "requestsPerConnection": 1000000000, "drainWaitSeconds": 0}
    return [ctx.args.postern_cmd, "run", "--config", ctx.write("postern.yaml", json.dumps(config))]  # JSON is YAML

def reload(ctx, proc):
    if ctx.args.postern_reload:
        subprocess.run(shlex.split(ctx.args.postern_reload), check=True, timeout=30)
    else:
        os.kill(proc.pid, signal.SIGHUP)
