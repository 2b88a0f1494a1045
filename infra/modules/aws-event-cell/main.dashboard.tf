# One page for the way of an event: what came in, how far it has come, what waits, and what has gone wrong.

locals {
  function_metrics = { for metric in ["Invocations", "Errors", "Throttles", "Duration"] : metric => [for name, _ in local.lambdas : ["AWS/Lambda", metric, "FunctionName", "${local.id}-${name}"]] }

  container_metrics = { for metric in ["CPUUtilization", "MemoryUtilization"] : metric => [for name, _ in local.containers : ["AWS/ECS", metric, "ClusterName", local.id, "ServiceName", "${local.id}-${name}"]] }

  # One without metrics is left out: functions and containers have not the same ones, and a cluster has its own.
  widgets = [
    { title = "Requests and their failures", stat = "Sum", metrics = [for metric in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", metric, "ApiId", aws_apigatewayv2_api.http[0].id] if !local.in_cluster] },
    { title = "Latency of the API (p99, ms)", stat = "p99", metrics = [for api in aws_apigatewayv2_api.http : ["AWS/ApiGateway", "Latency", "ApiId", api.id]] },
    { title = "Lag of the relay (ms)", stat = "Maximum", metrics = [for name, _ in local.hosted : local.in_functions ? ["AWS/Lambda", "IteratorAge", "FunctionName", "${local.id}-relay"] : ["Polycell/${local.id}", "Lag.relay"] if name == "relay"] },
    { title = "Age of the oldest message (s)", stat = "Maximum", metrics = [for name, _ in local.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "${local.id}-${name}"]] },
    { title = "Messages waiting", stat = "Maximum", metrics = [for name, _ in local.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${local.id}-${name}"]] },
    { title = "Dead letters", stat = "Maximum", metrics = [for name, _ in local.consumers : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${local.id}-${name}-dead-letter"]] },
    { title = "Parked", stat = "Sum", metrics = [for name, function in local.hosted : ["Polycell/${local.id}", "Parked.${name}"] if function.bundle != "http"] },
    { title = "Slowest events (p99, ms)", stat = "Maximum", metrics = [for name, _ in local.delays : ["Polycell/${local.id}", "Delay.${name}"] if !local.in_cluster] },
    { title = "Errors", stat = "Sum", metrics = concat(local.function_metrics["Errors"], [for name, _ in local.containers : ["Polycell/${local.id}", "Errors.${name}"]]) },
    { title = "Throttles", stat = "Sum", metrics = local.function_metrics["Throttles"] },
    { title = "Runs", stat = "Sum", metrics = local.function_metrics["Invocations"] },
    { title = "Duration (p99, ms)", stat = "p99", metrics = local.function_metrics["Duration"] },
    { title = "Containers", stat = "SampleCount", metrics = local.container_metrics["CPUUtilization"] },
    { title = "Processors of containers (%)", stat = "Average", metrics = local.container_metrics["CPUUtilization"] },
    { title = "Memory of containers (%)", stat = "Maximum", metrics = local.container_metrics["MemoryUtilization"] },
    { title = "Throttled requests to the tables", stat = "Sum", metrics = [for table in [local.events_table, local.state_table] : ["AWS/DynamoDB", "ThrottledRequests", "TableName", table]] },
  ]
}

resource "aws_cloudwatch_dashboard" "cell" {
  dashboard_name = local.id

  dashboard_body = jsonencode({
    widgets = [
      for index, widget in [for widget in local.widgets : widget if length(widget.metrics) > 0] : {
        type   = "metric"
        x      = (index % 3) * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          stat    = widget.stat
          period  = 60
          metrics = widget.metrics
        }
      }
    ]
  })
}
