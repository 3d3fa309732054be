"""Uses a simulated cloud as a client of the Python library `cs` does. Arguments: endpoint, API key, secret key."""

import sys
import time

from cs import CloudStack, CloudStackApiException


def refusal(call, **parameters):
    """The error of a call that must be refused."""
    try:
        answer = call(**parameters)
    except CloudStackApiException as refused:
        return refused.error
    raise AssertionError(f"{parameters} was not refused but answered {answer}")


def equal(seen, wanted):
    assert seen == wanted, f"seen {seen!r}, wanted {wanted!r}"


def lists_are_read_whole_and_in_pages(cloud):
    [zone] = cloud.listZones(fetch_list=True)
    equal(zone["name"], "harbour")
    equal(cloud.listSnapshots(), {})
    equal(cloud.listSnapshots(fetch_list=True), [])
    offerings = cloud.listServiceOfferings(page=1, pagesize=1)
    equal((offerings["count"], len(offerings["serviceoffering"])), (2, 1))
    equal(cloud.listServiceOfferings(page=3, pagesize=1), {"count": 2})
    equal(refusal(cloud.listVolumes, page=1, pagesize=501)["errorcode"], 431)
    names = {pool["name"]: pool["scope"] for pool in cloud.listStoragePools(fetch_list=True)}
    equal(names, {"sheds": "ZONE", "barges": "CLUSTER"})
    equal(len(cloud.listHosts(type="Routing", fetch_list=True)), 2)
    [account] = cloud.listAccounts(fetch_list=True)
    equal((account["vmtotal"], account["vmlimit"], account["cpulimit"]), (1, "3", "Unlimited"))
    return zone["id"]


def names_in_capitals_and_any_text_are_signed_alike(cloud):
    text = "a*b[c]d+e/f:g,h@i=j&k%l-m_n.o!(p)'q\"r;s?t#u über 漢字 😀"
    equal(cloud.listVolumes(keyWord=text, listAll=True), {})


def a_tilde_is_signed_otherwise_than_the_server_does(cloud):
    # cs leaves it as it is, Java's URLEncoder does not: so does a real cloud refuse it.
    equal(refusal(cloud.listVirtualMachines, keyword="web~01")["errorcode"], 401)
    equal(cloud.listVirtualMachines(keyword="web-01"), {})


def a_wrong_secret_is_refused(endpoint, key):
    stranger = CloudStack(endpoint=endpoint, key=key, secret="wrong")
    equal(refusal(stranger.listZones)["errorcode"], 401)


def a_vm_is_deployed_stopped(cloud, zone):
    deployed = cloud.deployVirtualMachine(
        zoneid=zone,
        serviceofferingid=cloud.listServiceOfferings(name="small")["serviceoffering"][0]["id"],
        templateid=cloud.listTemplates(templatefilter="executable")["template"][0]["id"],
        networkids=[network["id"] for network in cloud.listNetworks()["network"]],
        name="web-01",
        displayname="Web 01 (failover)",
        startvm=False,
        details={"failoverjob": "job-1"},
        fetch_result=True,
    )["virtualmachine"]
    equal((deployed["state"], deployed["displayname"]), ("Stopped", "Web 01 (failover)"))
    [found] = cloud.listVirtualMachines(name="web-01", fetch_list=True)
    equal(found["id"], deployed["id"])
    equal(found["details"]["failoverjob"], "job-1")
    equal([nic["isdefault"] for nic in found["nic"]], [True, False])
    assert "hostid" not in found
    again = refusal(
        cloud.deployVirtualMachine,
        zoneid=zone,
        serviceofferingid=found["serviceofferingid"],
        templateid=found["templateid"],
        networkids=found["nic"][0]["networkid"],
        name="web-01",
    )
    equal(again["errorcode"], 431)
    return deployed["id"]


def a_vm_starts(cloud, vm):
    started = cloud.startVirtualMachine(id=vm, fetch_result=True)["virtualmachine"]
    equal((started["state"], started["hostname"]), ("Running", "crane-1"))
    assert all("ipaddress" in nic for nic in started["nic"]), started["nic"]
    equal(refusal(cloud.startVirtualMachine, id=vm, fetch_result=True)["errorcode"], 431)


def a_new_volume_is_attached_snapshotted_and_detached(cloud, zone, vm):
    made = cloud.createVolume(
        name="data",
        zoneid=zone,
        diskofferingid=cloud.listDiskOfferings(name="any size")["diskoffering"][0]["id"],
        size=3,
        fetch_result=True,
    )["volume"]
    equal((made["state"], made["size"]), ("Allocated", 3 << 30))
    assert "virtualmachineid" not in made and "deviceid" not in made
    attached = cloud.attachVolume(id=made["id"], virtualmachineid=vm, fetch_result=True)["volume"]
    equal((attached["deviceid"], attached["state"], attached["storage"]), (1, "Ready", "sheds"))
    shown = cloud.listVolumes(virtualmachineid=vm, type="DATA", fetch_list=True)
    equal([volume["id"] for volume in shown], [made["id"]])
    snapshot = cloud.createSnapshot(
        volumeid=made["id"],
        name="point",
        tags=[{"key": "run", "value": "1"}],
        fetch_result=True,
    )["snapshot"]
    equal((snapshot["state"], snapshot["volumeid"]), ("BackedUp", made["id"]))
    equal(len(cloud.listSnapshots(tags=[{"key": "run", "value": "1"}], fetch_list=True)), 1)
    equal(cloud.listSnapshots(tags=[{"key": "run", "value": "2"}]), {})
    detached = cloud.detachVolume(id=made["id"], fetch_result=True)["volume"]
    assert "virtualmachineid" not in detached and "deviceid" not in detached
    equal(refusal(cloud.detachVolume, id=made["id"], fetch_result=True)["errorcode"], 431)
    reverted = cloud.revertSnapshot(id=snapshot["id"], fetch_result=True)["snapshot"]
    equal(reverted["id"], snapshot["id"])
    equal(cloud.deleteSnapshot(id=snapshot["id"], fetch_result=True), {"success": True})
    equal(cloud.listSnapshots(id=snapshot["id"]), {})
    return made["id"]


def tags_are_put_and_taken(cloud, volume):
    on = {"resourceids": [volume], "resourcetype": "Volume"}
    tags = [{"key": "migratekit job", "value": "job/42+retry*1"}, {"key": "owner", "value": "Zoë"}]
    equal(cloud.createTags(tags=tags, fetch_result=True, **on), {"success": True})
    equal(refusal(cloud.createTags, tags=tags[1:], fetch_result=True, **on)["errorcode"], 530)
    [shown] = cloud.listVolumes(id=volume)["volume"]
    equal({tag["key"]: tag["value"] for tag in shown["tags"]}, {tag["key"]: tag["value"] for tag in tags})
    equal([tag["value"] for tag in cloud.listTags(key="owner", fetch_list=True)], ["Zoë"])
    cloud.deleteTags(tags={"key": "owner", "value": "nobody"}, fetch_result=True, **on)
    equal(len(cloud.listTags(fetch_list=True)), 2)
    cloud.deleteTags(tags={"key": "owner"}, fetch_result=True, **on)
    equal([tag["key"] for tag in cloud.listTags(resourceid=volume, fetch_list=True)], ["migratekit job"])


def everything_goes_again(cloud, vm, volume):
    equal(cloud.deleteVolume(id=volume), {"success": True})
    equal(cloud.listVolumes(id=volume), {})
    equal(refusal(cloud.deleteVolume, id=volume)["errorcode"], 431)
    stopped = cloud.stopVirtualMachine(id=vm, fetch_result=True)["virtualmachine"]
    equal(stopped["state"], "Stopped")
    cloud.destroyVirtualMachine(id=vm, expunge=True, fetch_result=True)
    equal(cloud.listVirtualMachines(id=vm), {})
    equal(cloud.listVolumes(virtualmachineid=vm), {})
    unknown = "ffffffff-0000-4000-8000-000000000000"
    equal(refusal(cloud.listVirtualMachines, id=unknown)["errorcode"], 431)


def a_job_is_listed_while_it_runs(cloud, volume):
    # What has not ended after the list was there when it was made. A slow machine may need several jobs to see one.
    for attempt in range(20):
        made = cloud.createSnapshot(volumeid=volume, name=f"attempt {attempt}")
        job = made["jobid"]
        listed = [row["jobid"] for row in cloud.listAsyncJobs(listall=True, fetch_list=True)]
        is_pending = cloud.queryAsyncJobResult(jobid=job)["jobstatus"] == 0
        while cloud.queryAsyncJobResult(jobid=job)["jobstatus"] == 0:
            time.sleep(0.05)
        cloud.deleteSnapshot(id=made["id"], fetch_result=True)
        if is_pending:
            assert job in listed, f"{job} is pending and not in {listed}"
            break
    else:
        raise AssertionError("no job was seen while it ran")


def ended_jobs_are_not_listed_and_others_not_known(cloud):
    equal(cloud.listAsyncJobs(listall=True), {})
    unknown = refusal(cloud.queryAsyncJobResult, jobid="ffffffff-0000-4000-8000-000000000000")
    equal(unknown["errorcode"], 431)


def main():
    endpoint, key, secret = sys.argv[1:]
    for method in ("get", "post"):
        cloud = CloudStack(endpoint=endpoint, key=key, secret=secret, method=method, poll_interval=0.05)
        zone = lists_are_read_whole_and_in_pages(cloud)
        names_in_capitals_and_any_text_are_signed_alike(cloud)
        a_tilde_is_signed_otherwise_than_the_server_does(cloud)
        a_wrong_secret_is_refused(endpoint, key)
        vm = a_vm_is_deployed_stopped(cloud, zone)
        a_vm_starts(cloud, vm)
        volume = a_new_volume_is_attached_snapshotted_and_detached(cloud, zone, vm)
        tags_are_put_and_taken(cloud, volume)
        a_job_is_listed_while_it_runs(cloud, volume)
        everything_goes_again(cloud, vm, volume)
        ended_jobs_are_not_listed_and_others_not_known(cloud)
        print(f"cs with {method}: done")


main()
